-- A refusal is an answer: under its key it stays one, when there is money by now.
select r ->> 'refusal' as refusal,
  r ->> 'replayed' as replayed
from ledger_apply('[
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "100", "idempotency_key": "order-7", "command_hash": "a"}
]'), json_array_elements(results) as r;

select changes -> (r ->> 'change')::int ->> 'status' as status
from ledger_apply('[
  {"op": "adjustment", "tenant": "default", "currency": "USD", "actor": "admin", "user_id": "ann", "amount": "1000"}
]'), json_array_elements(results) as r;

select r ->> 'refusal' as refusal,
  r ->> 'replayed' as replayed
from ledger_apply('[
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "100", "idempotency_key": "order-7", "command_hash": "a"}
]'), json_array_elements(results) as r;

-- The key is not good for another command.
select r ->> 'refusal' as refusal
from ledger_apply('[
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "200", "idempotency_key": "order-7", "command_hash": "b"}
]'), json_array_elements(results) as r;

-- Another sender's same key is another key.
select r ->> 'refusal' as refusal,
  changes -> (r ->> 'change')::int ->> 'new_balance' as new_balance
from ledger_apply('[
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "booking", "user_id": "ann", "amount": "100", "idempotency_key": "order-7", "command_hash": "a"}
]'), json_array_elements(results) as r;

select balance, held, balance - held as available from balance_snapshots;
