-- Money goes out. Ann asks for 70.00 of her 100.00, and an admin decides. Amounts are in minor units.

-- The money is held from the moment she asks.
select changes -> (result ->> 'change')::int -> 'transaction' ->> 'status' as status
from ledger_apply('[
  {"op": "adjustment", "tenant": "default", "currency": "USD", "actor": "admin", "user_id": "ann", "amount": "10000"},
  {"op": "withdrawal_request", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "7000"}
]'), json_array_elements(results) as result;

select balance, held, balance - held as available from balance_snapshots;

-- So she cannot spend it a second time: 30.01 is a cent too much.
select result ->> 'refusal' as refusal,
  result -> 'details' ->> 'available' as available
from ledger_apply('[
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "3001"}
]'), json_array_elements(results) as result;

-- Ann cannot approve her own request.
select result ->> 'refusal' as refusal
from ledger_apply((select json_build_array(json_build_object('op', 'withdrawal_process', 'tenant', 'default',
  'transaction_id', id, 'actor', 'ann', 'status', 'success')) from transactions where type = 'withdrawal')), json_array_elements(results) as result;

-- And nobody can process it as a topup.
select result ->> 'refusal' as refusal
from ledger_apply((select json_build_array(json_build_object('op', 'topup_process', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin', 'status', 'success')) from transactions where type = 'withdrawal')), json_array_elements(results) as result;

-- An admin approves it: the money leaves.
select result ->> 'refusal' as refusal,
  changes -> (result ->> 'change')::int -> 'transaction' ->> 'status' as status,
  changes -> (result ->> 'change')::int -> 'transaction' ->> 'new_balance' as new_balance
from ledger_apply((select json_build_array(json_build_object('op', 'withdrawal_process', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin', 'status', 'success')) from transactions where type = 'withdrawal')), json_array_elements(results) as result;

-- It is decided once.
select result ->> 'refusal' as refusal
from ledger_apply((select json_build_array(json_build_object('op', 'withdrawal_process', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin', 'status', 'failed')) from transactions where type = 'withdrawal')), json_array_elements(results) as result;

select balance, held, balance - held as available from balance_snapshots;
