-- Returns a payment or a captured hold to its user: all that was not refunded yet, or a part.
create or replace function livebalance.refund(
  transaction_id uuid,
  amount numeric default null,
  description text default null,
  metadata jsonb default null,
  idempotency_key text default null,
  tenant text default 'default',
  on_refusal text default 'raise'
) returns livebalance.outcome language sql security definer
set search_path = public, pg_temp as $$
  select livebalance.run(
    jsonb_build_object(
      'op', 'refund',
      'transaction_id', refund.transaction_id,
      'description', refund.description,
      'metadata', refund.metadata,
      'idempotency_key', refund.idempotency_key,
      'tenant', refund.tenant),
    refund.amount, refund.on_refusal)
$$;
