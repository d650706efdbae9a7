-- Ann may pay 50.00 at once, and 80.00 within an hour.
select changes -> (r ->> 'change')::int ->> 'status' as status
from ledger_apply('[
  {"op": "adjustment", "tenant": "default", "currency": "USD", "actor": "admin", "user_id": "ann", "amount": "100000"}
]'), json_array_elements(results) as r;

insert into limits (wallet_id, type, currency, max_amount, max_sum, window_seconds)
select id, 'booking_payment', 'USD', 5000, 8000, 3600 from wallets
returning type, max_amount, max_sum;

-- Too much at once; then as much as the hour holds, within one batch too.
select r ->> 'refusal' as refusal,
  r -> 'details' ->> 'limit' as which,
  r -> 'details' ->> 'maximum' as maximum,
  changes -> (r ->> 'change')::int ->> 'new_balance' as new_balance
from ledger_apply('[
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "5001"},
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "5000"},
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "3001"},
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "3000"}
]'), json_array_elements(results) as r;

-- What was refused counts for nothing, and another type is another limit.
select r ->> 'refusal' as refusal,
  r -> 'details' ->> 'limit' as which,
  r -> 'details' ->> 'maximum' as maximum
from ledger_apply('[
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "1"}
]'), json_array_elements(results) as r;

select r ->> 'refusal' as refusal,
  changes -> (r ->> 'change')::int ->> 'status' as status
from ledger_apply('[
  {"op": "withdrawal_request", "tenant": "default", "currency": "USD", "actor": "ann", "user_id": "ann", "amount": "9000"}
]'), json_array_elements(results) as r;

select balance, held, balance - held as available from balance_snapshots;
