-- Ann pays 40.00, and gets it back in parts.
select changes -> (r ->> 'change')::int ->> 'status' as status,
  changes -> (r ->> 'change')::int ->> 'new_balance' as new_balance
from ledger_apply('[
  {"op": "adjustment", "tenant": "default", "currency": "USD", "actor": "admin", "user_id": "ann", "amount": "10000"},
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "4000"}
]'), json_array_elements(results) as r;

select r ->> 'refusal' as refusal,
  changes -> (r ->> 'change')::int ->> 'amount' as amount,
  changes -> (r ->> 'change')::int ->> 'new_balance' as new_balance
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin', 'amount', '1500')) from transactions where type = 'booking_payment')), json_array_elements(results) as r;

-- Together they never exceed the payment.
select r ->> 'refusal' as refusal,
  r -> 'details' ->> 'maximum' as maximum
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin', 'amount', '2501')) from transactions where type = 'booking_payment')), json_array_elements(results) as r;

-- Without an amount it is all that is left; after that nothing is.
select r ->> 'refusal' as refusal,
  changes -> (r ->> 'change')::int ->> 'amount' as amount,
  changes -> (r ->> 'change')::int ->> 'new_balance' as new_balance
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin')) from transactions where type = 'booking_payment')), json_array_elements(results) as r;

select r ->> 'refusal' as refusal,
  r -> 'details' ->> 'maximum' as maximum
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin')) from transactions where type = 'booking_payment')), json_array_elements(results) as r;

-- Only what was paid can be refunded.
select r ->> 'refusal' as refusal
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default',
  'transaction_id', id, 'actor', 'admin')) from transactions where type = 'admin_adjustment')), json_array_elements(results) as r;

select balance, held, balance - held as available from balance_snapshots;
