-- A payment in two phases. The booking service holds 80.00 of Ann's 100.00 for a room, and takes what the room costs
-- in the end. Amounts are in minor units.

-- The hold takes the money out of what Ann can spend, and leaves her balance as it is.
select changes -> (result ->> 'change')::int -> 'transaction' ->> 'status' as status
from ledger_apply('[
  {"op": "adjustment", "tenant": "default", "actor": "admin", "user_id": "ann", "currency": "USD", "amount": "10000"},
  {"op": "hold", "tenant": "default", "actor": "booking", "user_id": "ann", "currency": "USD", "amount": "8000", "expires_in": 900}
]'), json_array_elements(results) as result;

select balance, held, balance - held as available from balance_snapshots;

-- Ann tries to pay 20.01 elsewhere: a cent too much, for the hold counts.
select result ->> 'refusal' as refusal, result -> 'details' ->> 'available' as available
from ledger_apply('[
  {"op": "payment", "tenant": "default", "actor": "ann", "user_id": "ann", "currency": "USD", "amount": "2001"}
]'), json_array_elements(results) as result;

-- Ann cannot undo what a service holds of her.
select result ->> 'refusal' as refusal
from ledger_apply((select json_build_array(json_build_object('op', 'hold_void', 'tenant', 'default',
  'actor', 'ann', 'user_id', 'ann', 'transaction_id', id)) from transactions where type = 'hold')),
  json_array_elements(results) as result;

-- The room costs 50.00. The service captures that, and the other 30.00 are free again.
select changes -> (result ->> 'change')::int -> 'transaction' ->> 'status' as status, changes -> (result ->> 'change')::int -> 'transaction' ->> 'amount' as amount
from ledger_apply((select json_build_array(json_build_object('op', 'hold_capture', 'tenant', 'default',
  'actor', 'booking', 'amount', '5000', 'transaction_id', id)) from transactions where type = 'hold')),
  json_array_elements(results) as result;

select balance, held, balance - held as available from balance_snapshots;

-- A hold is captured once.
select result ->> 'refusal' as refusal, result -> 'details' ->> 'status' as status
from ledger_apply((select json_build_array(json_build_object('op', 'hold_capture', 'tenant', 'default',
  'actor', 'booking', 'transaction_id', id)) from transactions where type = 'hold')),
  json_array_elements(results) as result;
