-- Adds a positive amount to a user's balance, as an adjustment. A new user becomes known.
create or replace function livebalance.credit(
  user_id text,
  amount numeric,
  currency text default 'USD',
  description text default null,
  metadata jsonb default null,
  idempotency_key text default null,
  tenant text default 'default',
  on_refusal text default 'raise'
) returns livebalance.outcome language sql security definer
set search_path = public, pg_temp as $$
  select livebalance.run(
    jsonb_build_object(
      'op', 'adjustment',
      'user_id', credit.user_id,
      'currency', credit.currency,
      'description', credit.description,
      'metadata', credit.metadata,
      'idempotency_key', credit.idempotency_key,
      'tenant', credit.tenant),
    case when credit.amount > 0 then credit.amount else 0 end, credit.on_refusal)
$$;
