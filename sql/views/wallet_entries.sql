-- The entries with what they add to their wallet (signed), and whose they are.
create or replace view wallet_entries as
select a.tenant, w.user_id, a.currency, e.account_id, e.version, e.transaction_id,
  case e.account_id when e.credit_account then e.amount else -e.amount end as delta,
  e.previous_balance, e.new_balance, e.debit_account, e.credit_account, e.created_at, e.hash
from entries e
join accounts a on a.id = e.account_id
join wallets w on w.id = a.wallet_id;
