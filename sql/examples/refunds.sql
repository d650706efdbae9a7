-- Giving back a payment. Ann pays 40.00 of her 100.00. Amounts are in minor units.
select changes -> (r ->> 'change')::int -> 'transaction' ->> 'status' as status,
  changes -> (r ->> 'change')::int -> 'transaction' ->> 'new_balance' as new_balance
from ledger_apply('[
  {"op": "adjustment", "tenant": "default", "currency": "USD", "actor": "admin", "user_id": "ann", "amount": "10000"},
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "4000"}
]'), json_array_elements(results) as r;

-- An admin gives back 15.00.
select r ->> 'refusal' as refusal,
  changes -> (r ->> 'change')::int -> 'transaction' ->> 'amount' as amount,
  changes -> (r ->> 'change')::int -> 'transaction' ->> 'new_balance' as new_balance
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin', 'amount', '1500')) from transactions where type = 'booking_payment')), json_array_elements(results) as r;

-- 25.01 more would be a cent more than she paid: refunds never exceed their payment together.
select r ->> 'refusal' as refusal,
  r -> 'details' ->> 'maximum' as maximum
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin', 'amount', '2501')) from transactions where type = 'booking_payment')), json_array_elements(results) as r;

-- A refund without an amount gives back all that is left.
select r ->> 'refusal' as refusal,
  changes -> (r ->> 'change')::int -> 'transaction' ->> 'amount' as amount,
  changes -> (r ->> 'change')::int -> 'transaction' ->> 'new_balance' as new_balance
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin')) from transactions where type = 'booking_payment')), json_array_elements(results) as r;

-- After that there is nothing left to give back.
select r ->> 'refusal' as refusal,
  r -> 'details' ->> 'maximum' as maximum
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin')) from transactions where type = 'booking_payment')), json_array_elements(results) as r;

-- Only a payment can be refunded.
select r ->> 'refusal' as refusal
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin')) from transactions where type = 'admin_adjustment')), json_array_elements(results) as r;

-- She has her 100.00 again.
select balance, held, balance - held as available from balance_snapshots;
