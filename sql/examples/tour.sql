-- A first walk through the ledger: money comes in, is spent, and every cent can be accounted for.
-- A command is JSON, and `ledger_apply` takes as many as wait. It answers each in its place: `results` says whether it
-- was refused, and `changes` what it did. Amounts are in minor units: 10000 is 100.00 USD.

-- An admin puts money into two wallets. They open by it.
select result ->> 'refusal' as refusal, changes -> (result ->> 'change')::int -> 'transaction' ->> 'status' as status,
  changes -> (result ->> 'change')::int -> 'transaction' ->> 'new_balance' as new_balance
from ledger_apply('[
  {"op": "adjustment", "tenant": "default", "actor": "admin", "user_id": "ann", "currency": "USD", "amount": "10000"},
  {"op": "adjustment", "tenant": "default", "actor": "admin", "user_id": "bob", "currency": "USD", "amount": "500"}
]'), json_array_elements(results) as result;

-- Ann pays 30.00, sends Bob 20.00, and asks for a cent more than she has left. The third command is refused, and
-- says how much is missing. The first two stand.
select result ->> 'refusal' as refusal, result -> 'details' ->> 'shortfall' as shortfall,
  changes -> (result ->> 'change')::int -> 'transaction' ->> 'new_balance' as new_balance
from ledger_apply('[
  {"op": "payment", "tenant": "default", "actor": "ann", "user_id": "ann", "currency": "USD", "amount": "3000"},
  {"op": "transfer", "tenant": "default", "actor": "ann", "user_id": "ann", "to_user_id": "bob", "currency": "USD", "amount": "2000"},
  {"op": "payment", "tenant": "default", "actor": "ann", "user_id": "ann", "currency": "USD", "amount": "5001"}
]'), json_array_elements(results) as result;

-- Ann's telephone sends one payment twice, with the same key. The money moves once, and both get the same answer.
select result ->> 'replayed' as replayed, changes -> (result ->> 'change')::int -> 'transaction' ->> 'new_balance' as new_balance
from ledger_apply('[
  {"op": "payment", "tenant": "default", "actor": "ann", "user_id": "ann", "currency": "USD", "amount": "100", "idempotency_key": "order-1", "command_hash": "x"},
  {"op": "payment", "tenant": "default", "actor": "ann", "user_id": "ann", "currency": "USD", "amount": "100", "idempotency_key": "order-1", "command_hash": "x"}
]'), json_array_elements(results) as result;

-- What they have now.
select user_id, currency, balance, held, version from balance_snapshots order by user_id;

-- The postings behind it, in their order. A wallet is what the house owes its user, so a credit adds to it. The two
-- sides of the transfer meet in `transit`.
select e.user_id, e.version, e.delta, e.previous_balance, e.new_balance, d.kind as debited, c.kind as credited
from wallet_entries e
join accounts d on d.id = e.debit_account
join accounts c on c.id = e.credit_account
order by e.user_id, e.version;

-- What the house's accounts hold, summed from the entries. `transit` is zero: no transfer is half done.
select kind, balance from house_balances order by kind;

-- What Ann is told, numbered without a hole. The refused payment is there too.
select seq, event, new_balance, details from event_stream where user_id = 'ann' order by seq;

-- The books are right: the audit looks at every wallet, and in its last row at the ledger as a whole.
select total, inaccurate, entries, discrepancies from audit('default');

-- And nobody rewrites them, not even the owner of the database.
update entries set amount = 1;

delete from entries;

truncate entries;
