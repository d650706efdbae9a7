-- Giving back a payment. Ann pays 40.00 of her 100.00. Amounts are in minor units.
select changes -> (result ->> 'change')::int -> 'transaction' ->> 'status' as status,
  changes -> (result ->> 'change')::int -> 'transaction' ->> 'new_balance' as new_balance
from ledger_apply('[
  {"op": "adjustment", "tenant": "default", "currency": "USD", "actor": "admin", "user_id": "ann", "amount": "10000"},
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "4000"}
]'), json_array_elements(results) as result;

-- An admin gives back 15.00.
select result ->> 'refusal' as refusal,
  changes -> (result ->> 'change')::int -> 'transaction' ->> 'amount' as amount,
  changes -> (result ->> 'change')::int -> 'transaction' ->> 'new_balance' as new_balance
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin', 'amount', '1500')) from transactions where type = 'booking_payment')), json_array_elements(results) as result;

-- 25.01 more would be a cent more than she paid: refunds never exceed their payment together.
select result ->> 'refusal' as refusal,
  result -> 'details' ->> 'maximum' as maximum
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin', 'amount', '2501')) from transactions where type = 'booking_payment')), json_array_elements(results) as result;

-- A refund without an amount gives back all that is left.
select result ->> 'refusal' as refusal,
  changes -> (result ->> 'change')::int -> 'transaction' ->> 'amount' as amount,
  changes -> (result ->> 'change')::int -> 'transaction' ->> 'new_balance' as new_balance
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin')) from transactions where type = 'booking_payment')), json_array_elements(results) as result;

-- After that there is nothing left to give back.
select result ->> 'refusal' as refusal,
  result -> 'details' ->> 'maximum' as maximum
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin')) from transactions where type = 'booking_payment')), json_array_elements(results) as result;

-- Only a payment can be refunded.
select result ->> 'refusal' as refusal
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin')) from transactions where type = 'admin_adjustment')), json_array_elements(results) as result;

-- She has her 100.00 again.
select balance, held, balance - held as available from balance_snapshots;
