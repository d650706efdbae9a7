-- A marketplace: Ann pays for a ride. The driver gets 80 %, the platform a fee of 20 %, and the card network 0.30.
-- Amounts are in minor units. Ann has 100.00, and the driver and the guide are known.
select result ->> 'refusal' as refusal
from ledger_apply('[
  {"op": "adjustment", "tenant": "default", "currency": "USD", "actor": "admin", "user_id": "ann", "amount": "10000"},
  {"op": "topup_request", "tenant": "default", "currency": "USD", "actor": "driver", "user_id": "driver", "amount": "1"},
  {"op": "topup_request", "tenant": "default", "currency": "USD", "actor": "guide", "user_id": "guide", "amount": "1"}
]'), json_array_elements(results) as result;

-- 20.00 in one commit. The fixed 0.30 comes first, and the shares divide the other 19.70.
select transaction ->> 'user_id' as who, transaction ->> 'type' as type, transaction ->> 'amount' as amount,
  transaction ->> 'new_balance' as new_balance
from ledger_apply('[
  {"op": "payment", "tenant": "default", "currency": "USD", "actor": "shop", "user_id": "ann", "amount": "2000",
   "reference_id": "ride-1", "split": [
     {"to": "driver", "share": 80}, {"fee": "platform", "share": 20}, {"fee": "card", "amount": 30}]}
]'), json_array_elements(changes) as change, json_extract_path(change, 'transaction') as transaction;

-- Ann's transaction has one entry for all payees, through transit, and one for each fee.
select transaction_id = (select id from transactions where reference_id = 'ride-1') as of_anns_payment, e.delta, a.kind as other_side
from wallet_entries e join accounts a on a.id in (e.debit_account, e.credit_account) and a.id <> e.account_id
where e.user_id in ('ann', 'driver') and a.kind <> 'adjustments' order by e.user_id, e.version;

-- Escrow: money is set aside, and is captured to the guide after the tour. What is left of the hold is Ann's again.
select result ->> 'refusal' as refusal
from ledger_apply('[
  {"op": "hold", "tenant": "default", "currency": "USD", "actor": "shop", "user_id": "ann", "amount": "3000", "expires_in": 86400}
]'), json_array_elements(results) as result;

select transaction ->> 'user_id' as who, transaction ->> 'type' as type, transaction ->> 'amount' as amount
from ledger_apply((select json_build_array(json_build_object('op', 'hold_capture', 'tenant', 'default', 'actor', 'shop',
  'transaction_id', id, 'amount', '2500', 'split', '[{"to": "guide", "share": 1}]'::json)) from transactions where type = 'hold')),
  json_array_elements(changes) as change, json_extract_path(change, 'transaction') as transaction;

-- A third of the ride is given back, 6.67. Each gives back in proportion: 5.26, 1.31 and 0.10.
select transaction ->> 'user_id' as who, transaction ->> 'type' as type, transaction ->> 'amount' as amount
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default', 'actor', 'shop',
  'transaction_id', id, 'amount', '667')) from transactions where reference_id = 'ride-1')),
  json_array_elements(changes) as change, json_extract_path(change, 'transaction') as transaction;

-- Then the rest. Everybody has given back exactly what they got.
select transaction ->> 'user_id' as who, transaction ->> 'type' as type, transaction ->> 'amount' as amount
from ledger_apply((select json_build_array(json_build_object('op', 'refund', 'tenant', 'default', 'actor', 'shop',
  'transaction_id', id)) from transactions where reference_id = 'ride-1')),
  json_array_elements(changes) as change, json_extract_path(change, 'transaction') as transaction;

select part ->> 'to' as user, part ->> 'fee' as fee, part ->> 'amount' as got, part ->> 'refunded' as gave_back
from transactions, jsonb_array_elements(split) as part where reference_id = 'ride-1';

-- The guide spends 20.00. A refund of the tour would need 25.00 of them: it is refused, and names them.
select result ->> 'refusal' as refusal, result -> 'details' ->> 'userId' as who, result -> 'details' ->> 'requiredAmount' as needed
from ledger_apply((select json_build_array(
  json_build_object('op', 'payment', 'tenant', 'default', 'actor', 'guide', 'user_id', 'guide', 'currency', 'USD', 'amount', '2000'),
  json_build_object('op', 'refund', 'tenant', 'default', 'actor', 'shop', 'transaction_id', id)) from transactions where type = 'hold')),
  json_array_elements(results) as result;

-- The house: fees come and go like revenue, and transit is empty.
select kind, balance from house_balances where kind in ('transit', 'revenue') or kind like 'fee:%' order by kind;

select total, inaccurate, entries, discrepancies from audit('default');
