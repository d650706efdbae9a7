-- Sets an amount aside. It expires after expires_in seconds. A capture above the rest of the hold is refused, or takes
-- the missing amount from the available balance: overage is 'refuse' or 'balance'.
create or replace function livebalance.hold(
  user_id text,
  amount numeric,
  currency text default 'USD',
  expires_in integer default 900,
  reference_id text default null,
  reference_type text default null,
  description text default null,
  metadata jsonb default null,
  idempotency_key text default null,
  tenant text default 'default',
  on_refusal text default 'raise',
  overage text default 'refuse'
) returns livebalance.outcome language sql security definer
set search_path = public, pg_temp as $$
  select livebalance.run(
    jsonb_build_object(
      'op', 'hold',
      'user_id', hold.user_id,
      'currency', hold.currency,
      'expires_in', hold.expires_in,
      'reference_id', hold.reference_id,
      'reference_type', hold.reference_type,
      'description', hold.description,
      'overage', hold.overage,
      'metadata', hold.metadata,
      'idempotency_key', hold.idempotency_key,
      'tenant', hold.tenant),
    hold.amount, hold.on_refusal)
$$;
