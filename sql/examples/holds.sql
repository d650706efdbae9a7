-- A hold takes money out of what can be spent, and leaves the balance as it is.
select changes -> (r ->> 'change')::int ->> 'status' as status
from ledger_apply('[
  {"op": "adjustment", "tenant": "default", "actor": "admin", "user_id": "ann", "currency": "USD", "amount": "10000"},
  {"op": "hold", "tenant": "default", "actor": "booking", "user_id": "ann", "currency": "USD", "amount": "8000", "expires_in": 900}
]'), json_array_elements(results) as r;

select balance, held, balance - held as available from balance_snapshots;

-- Every funds check counts it.
select r ->> 'refusal' as refusal, r -> 'details' ->> 'available' as available
from ledger_apply('[
  {"op": "payment", "tenant": "default", "actor": "ann", "user_id": "ann", "currency": "USD", "amount": "2001"}
]'), json_array_elements(results) as r;

-- Ann cannot end what a service holds.
select r ->> 'refusal' as refusal
from ledger_apply((select json_build_array(json_build_object('op', 'hold_void', 'tenant', 'default',
  'actor', 'ann', 'user_id', 'ann', 'transaction_id', id)) from transactions where type = 'hold')),
  json_array_elements(results) as r;

-- The service captures a part; the rest is free again.
select changes -> (r ->> 'change')::int ->> 'status' as status, changes -> (r ->> 'change')::int ->> 'amount' as amount
from ledger_apply((select json_build_array(json_build_object('op', 'hold_capture', 'tenant', 'default',
  'actor', 'booking', 'amount', '5000', 'transaction_id', id)) from transactions where type = 'hold')),
  json_array_elements(results) as r;

select balance, held, balance - held as available from balance_snapshots;

-- It is done once.
select r ->> 'refusal' as refusal, r -> 'details' ->> 'status' as status
from ledger_apply((select json_build_array(json_build_object('op', 'hold_capture', 'tenant', 'default',
  'actor', 'booking', 'transaction_id', id)) from transactions where type = 'hold')),
  json_array_elements(results) as r;
