-- The end of a day at a booking site: do the books agree with themselves, and with the bank?
-- Amounts are in minor units: 10000 is 100.00 USD. A wallet is what the house owes its user.

-- The day. Ann and Bob ask for topups, and an admin approves them once the money is at the bank.
select changes -> (result ->> 'change')::int -> 'transaction' ->> 'user_id' as who, changes -> (result ->> 'change')::int -> 'transaction' ->> 'status' as status
from ledger_apply('[
  {"op": "topup_request", "tenant": "default", "actor": "ann", "user_id": "ann", "currency": "USD", "amount": "10000"},
  {"op": "topup_request", "tenant": "default", "actor": "bob", "user_id": "bob", "currency": "USD", "amount": "5000"}
]'), json_array_elements(results) as result;

select changes -> (result ->> 'change')::int -> 'transaction' ->> 'user_id' as who, changes -> (result ->> 'change')::int -> 'transaction' ->> 'new_balance' as new_balance
from ledger_apply((select json_agg(json_build_object('op', 'topup_process', 'tenant', 'default', 'actor', 'admin',
  'transaction_id', id, 'status', 'success') order by user_id) from transactions where type = 'topup')),
  json_array_elements(results) as result;

-- Ann books a room for 60.00, and sends Bob 15.00. Bob is given 2.00 for his patience. He asks for 20.00 back.
select changes -> (result ->> 'change')::int -> 'transaction' ->> 'type' as type, changes -> (result ->> 'change')::int -> 'transaction' ->> 'new_balance' as new_balance
from ledger_apply('[
  {"op": "payment", "tenant": "default", "actor": "ann", "user_id": "ann", "currency": "USD", "amount": "6000"},
  {"op": "transfer", "tenant": "default", "actor": "ann", "user_id": "ann", "to_user_id": "bob", "currency": "USD", "amount": "1500"},
  {"op": "adjustment", "tenant": "default", "actor": "admin", "user_id": "bob", "currency": "USD", "amount": "200"},
  {"op": "withdrawal_request", "tenant": "default", "actor": "bob", "user_id": "bob", "currency": "USD", "amount": "2000"}
]'), json_array_elements(results) as result;

-- The room was too small: Ann gets 10.00 back. The admin pays Bob's 20.00 out.
select changes -> (result ->> 'change')::int -> 'transaction' ->> 'type' as type, changes -> (result ->> 'change')::int -> 'transaction' ->> 'new_balance' as new_balance
from ledger_apply((select json_build_array(
  json_build_object('op', 'refund', 'tenant', 'default', 'actor', 'admin', 'amount', '1000',
    'transaction_id', (select id from transactions where type = 'booking_payment')),
  json_build_object('op', 'withdrawal_process', 'tenant', 'default', 'actor', 'admin', 'status', 'success',
    'transaction_id', (select id from transactions where type = 'withdrawal'))))), json_array_elements(results) as result;

-- What the house's accounts hold. Cash is below zero, for money that comes in is debited there: 130.00 should be at
-- the bank (150.00 came in, 20.00 went out). The house has earned 50.00, and has given 2.00 away. Nothing is on its
-- way between two wallets.
select kind, balance from house_balances where tenant = 'default' and currency = 'USD' order by kind;

-- What the house owes its users.
select user_id, balance from balance_snapshots order by user_id;

-- The trial balance: every account with its debits and its credits. The two sums agree, as each entry is both.
select case grouping(coalesce(w.user_id, a.kind)) when 1 then 'together' else coalesce(w.user_id, a.kind) end as account,
  sum(e.amount) filter (where a.id = e.debit_account) as debits,
  sum(e.amount) filter (where a.id = e.credit_account) as credits
from entries e
join accounts a on a.id in (e.debit_account, e.credit_account)
left join wallets w on w.id = a.wallet_id
group by rollup (coalesce(w.user_id, a.kind))
order by grouping(coalesce(w.user_id, a.kind)), 1;

-- So what the house holds and what it owes come to nothing.
select (select sum(balance) from house_balances) + (select sum(balance) from balance_snapshots) as difference;

-- The money at the bank, told from the other side: what the users have, what was earned, less what was given away.
select (select sum(balance) from balance_snapshots) as owed,
  (select balance from house_balances where kind = 'revenue') as earned,
  -(select balance from house_balances where kind = 'adjustments') as given_away,
  -(select balance from house_balances where kind = 'cash') as at_the_bank;

-- And the audit, which proves the same of every wallet, entry and transfer.
select total, inaccurate, entries, discrepancies from audit('default');
