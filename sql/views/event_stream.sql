-- Each user's events, as src/ledger reads them.
create or replace view event_stream as
select e.wallet_id, w.tenant::text, w.user_id::text, e.seq, e.event, e.currency, e.new_balance,
  e.previous_balance, e.transaction_id, e.transaction_type, e.status, e.amount, e.details,
  e.traceparent, e.created_at
from events e join wallets w on w.id = e.wallet_id;
