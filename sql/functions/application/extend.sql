-- Adds an amount to a hold, or moves its end to expires_in seconds from now, or both.
create or replace function livebalance.extend(
  transaction_id uuid,
  amount numeric default null,
  expires_in integer default null,
  metadata jsonb default null,
  idempotency_key text default null,
  tenant text default 'default',
  on_refusal text default 'raise'
) returns livebalance.outcome language sql security definer
set search_path = public, pg_temp as $$
  select livebalance.run(
    jsonb_build_object(
      'op', 'hold_extend',
      'transaction_id', extend.transaction_id,
      'expires_in', extend.expires_in,
      'metadata', extend.metadata,
      'idempotency_key', extend.idempotency_key,
      'tenant', extend.tenant),
    extend.amount, extend.on_refusal)
$$;
