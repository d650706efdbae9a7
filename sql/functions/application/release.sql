-- Ends a hold without taking anything.
create or replace function livebalance.release(
  transaction_id uuid,
  metadata jsonb default null,
  idempotency_key text default null,
  tenant text default 'default',
  on_refusal text default 'raise'
) returns livebalance.outcome language sql security definer
set search_path = public, pg_temp as $$
  select livebalance.run(
    jsonb_build_object(
      'op', 'hold_void',
      'transaction_id', release.transaction_id,
      'metadata', release.metadata,
      'idempotency_key', release.idempotency_key,
      'tenant', release.tenant),
    null, release.on_refusal)
$$;
