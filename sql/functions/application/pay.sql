-- Takes a positive amount from a user's balance, for a booking or an order of the application. With a split the money
-- goes to other users and to fees: [{"to": <user>, "share": 9}, {"fee": <name>, "amount": 1.50}].
create or replace function livebalance.pay(
  user_id text,
  amount numeric,
  currency text default 'USD',
  reference_id text default null,
  reference_type text default null,
  description text default null,
  metadata jsonb default null,
  idempotency_key text default null,
  tenant text default 'default',
  on_refusal text default 'raise',
  split jsonb default null
) returns livebalance.outcome language sql security definer
set search_path = public, pg_temp as $$
  select livebalance.run(
    jsonb_build_object(
      'op', 'payment',
      'user_id', pay.user_id,
      'currency', pay.currency,
      'reference_id', pay.reference_id,
      'reference_type', pay.reference_type,
      'description', pay.description,
      'split', pay.split,
      'metadata', pay.metadata,
      'idempotency_key', pay.idempotency_key,
      'tenant', pay.tenant),
    pay.amount, pay.on_refusal)
$$;
