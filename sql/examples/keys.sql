-- How a retry is safe. A client that got no answer sends its command again under the same key, and gets the answer
-- that it missed. Amounts are in minor units.

-- Ann has no money yet, and her payment is refused. That refusal is the answer to her key.
select result ->> 'refusal' as refusal,
  result ->> 'replayed' as replayed
from ledger_apply('[
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "100", "idempotency_key": "order-7", "command_hash": "a"}
]'), json_array_elements(results) as result;

-- She gets 10.00.
select changes -> (result ->> 'change')::int -> 'transaction' ->> 'status' as status
from ledger_apply('[
  {"op": "adjustment", "tenant": "default", "currency": "USD", "actor": "admin", "user_id": "ann", "amount": "1000"}
]'), json_array_elements(results) as result;

-- The same payment under the same key is still refused, though there is money now: a new try needs a new key.
select result ->> 'refusal' as refusal,
  result ->> 'replayed' as replayed
from ledger_apply('[
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "100", "idempotency_key": "order-7", "command_hash": "a"}
]'), json_array_elements(results) as result;

-- The key stands for that payment: it does not serve another one.
select result ->> 'refusal' as refusal
from ledger_apply('[
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "200", "idempotency_key": "order-7", "command_hash": "b"}
]'), json_array_elements(results) as result;

-- The booking service has a key of the same name. It is another key, so this payment is made.
select result ->> 'refusal' as refusal,
  changes -> (result ->> 'change')::int -> 'transaction' ->> 'new_balance' as new_balance
from ledger_apply('[
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "booking", "user_id": "ann", "amount": "100", "idempotency_key": "order-7", "command_hash": "a"}
]'), json_array_elements(results) as result;

-- One payment was made.
select balance, held, balance - held as available from balance_snapshots;
