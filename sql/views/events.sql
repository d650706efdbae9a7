-- Each user's events, one row for each. The events of a change are one row of event_rows, whose seq, `last_seq` here, is
-- that of the last one. No index finds a `seq` of this view: ask for a range of them by events_between().
create or replace view events as
select r.wallet_id, r.seq - cardinality(r.events) + place as seq, r.events[place] as event, r.currency, r.new_balance,
  case when r.events[place] in ('balance_updated', 'balance_alert') then r.previous_balance end as previous_balance,
  r.transaction_id, r.transaction_type, r.status, r.amount, r.details, r.traceparent, r.created_at, r.seq as last_seq
from event_rows r
-- Unlike unnest(), the planner knows how few these are.
join (values (1), (2), (3), (4)) as places (place) on place <= cardinality(r.events);

-- The same with their users, as src/ledger reads them.
create or replace view event_stream as
select e.wallet_id, w.tenant::text, w.user_id::text, e.seq, e.event, e.currency, e.new_balance,
  e.previous_balance, e.transaction_id, e.transaction_type, e.status, e.amount, e.details,
  e.traceparent, e.created_at
from events e join wallets w on w.id = e.wallet_id;
