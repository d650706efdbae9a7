-- An admin puts money into two wallets. Amounts are in minor units: 10000 is 100.00 USD.
select r ->> 'refusal' as refusal, changes -> (r ->> 'change')::int ->> 'status' as status,
  changes -> (r ->> 'change')::int ->> 'new_balance' as new_balance
from ledger_apply('[
  {"op": "adjustment", "tenant": "default", "actor": "admin", "user_id": "ann", "currency": "USD", "amount": "10000"},
  {"op": "adjustment", "tenant": "default", "actor": "admin", "user_id": "bob", "currency": "USD", "amount": "500"}
]'), json_array_elements(results) as r;

-- Ann pays 30.00, sends Bob 20.00, and asks for more than she has left: the third is refused, the first
-- two stand.
select r ->> 'refusal' as refusal, r -> 'details' ->> 'shortfall' as shortfall,
  changes -> (r ->> 'change')::int ->> 'new_balance' as new_balance
from ledger_apply('[
  {"op": "payment", "tenant": "default", "actor": "ann", "user_id": "ann", "currency": "USD", "amount": "3000"},
  {"op": "transfer", "tenant": "default", "actor": "ann", "user_id": "ann", "to_user_id": "bob", "currency": "USD", "amount": "2000"},
  {"op": "payment", "tenant": "default", "actor": "ann", "user_id": "ann", "currency": "USD", "amount": "5001"}
]'), json_array_elements(results) as r;

-- One key moves money once: the second time it is answered, not done.
select r ->> 'replayed' as replayed, changes -> (r ->> 'change')::int ->> 'new_balance' as new_balance
from ledger_apply('[
  {"op": "payment", "tenant": "default", "actor": "ann", "user_id": "ann", "currency": "USD", "amount": "100", "idempotency_key": "order-1", "command_hash": "x"},
  {"op": "payment", "tenant": "default", "actor": "ann", "user_id": "ann", "currency": "USD", "amount": "100", "idempotency_key": "order-1", "command_hash": "x"}
]'), json_array_elements(results) as r;

-- What they have now.
select user_id, currency, balance, held, version from balance_snapshots order by user_id;

-- The postings behind it. Wallets are what the house owes: a credit adds.
select e.user_id, e.version, e.delta, e.previous_balance, e.new_balance, d.kind as debited, c.kind as credited
from wallet_entries e
join accounts d on d.id = e.debit_account
join accounts c on c.id = e.credit_account
order by e.user_id, e.version;

-- What the house's accounts come to, summed from the entries.
select a.kind, sum(case a.id when e.credit_account then e.amount else -e.amount end) as balance
from entries e join accounts a on a.id in (e.debit_account, e.credit_account) and a.wallet_id is null
group by 1 order by 1;

-- What Ann is told.
select seq, event, new_balance, required_amount, available from event_stream where user_id = 'ann' order by seq;

-- The books are right.
select total, inaccurate, entries, discrepancies from audit('default');

-- And nobody rewrites them, the owner included.
update entries set amount = 1;

delete from entries;

truncate entries;
