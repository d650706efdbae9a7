-- Moves an amount from one user to another.
create or replace function livebalance.transfer(
  from_user_id text,
  to_user_id text,
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
      'op', 'transfer',
      'user_id', transfer.from_user_id,
      'to_user_id', transfer.to_user_id,
      'currency', transfer.currency,
      'description', transfer.description,
      'metadata', transfer.metadata,
      'idempotency_key', transfer.idempotency_key,
      'tenant', transfer.tenant),
    transfer.amount, transfer.on_refusal)
$$;
