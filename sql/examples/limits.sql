-- A spending limit: Ann may pay 50.00 at once, and 80.00 within an hour. She has 1000.00, in minor units 100000.
select changes -> (result ->> 'change')::int -> 'transaction' ->> 'status' as status
from ledger_apply('[
  {"op": "adjustment", "tenant": "default", "currency": "USD", "actor": "admin", "user_id": "ann", "amount": "100000"}
]'), json_array_elements(results) as result;

insert into limits (wallet_id, type, currency, max_amount, max_sum, window_seconds)
select id, 'booking_payment', 'USD', 5000, 8000, 3600 from wallets
returning type, max_amount, max_sum;

-- Four payments in one batch. 50.01 is too much at once. 50.00 is paid. 30.01 more would be too much for the hour, and
-- 30.00 is paid.
select result ->> 'refusal' as refusal,
  result -> 'details' ->> 'limit' as which,
  result -> 'details' ->> 'maximum' as maximum,
  changes -> (result ->> 'change')::int -> 'transaction' ->> 'new_balance' as new_balance
from ledger_apply('[
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "5001"},
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "5000"},
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "3001"},
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "3000"}
]'), json_array_elements(results) as result;

-- Now the hour is used up, to the cent. What was refused did not count.
select result ->> 'refusal' as refusal,
  result -> 'details' ->> 'limit' as which,
  result -> 'details' ->> 'maximum' as maximum
from ledger_apply('[
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "1"}
]'), json_array_elements(results) as result;

-- The limit is on payments: a withdrawal is another type.
select result ->> 'refusal' as refusal,
  changes -> (result ->> 'change')::int -> 'transaction' ->> 'status' as status
from ledger_apply('[
  {"op": "withdrawal_request", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "9000"}
]'), json_array_elements(results) as result;

select balance, held, balance - held as available from balance_snapshots;
