-- Takes a held amount, or a part of it. The rest is available again. With final => false more captures can follow: the
-- rest stays held, and their sum is charged when the hold ends. A final capture can name who gets
-- the money, as in livebalance.pay().
create or replace function livebalance.capture(
  transaction_id uuid,
  amount numeric default null,
  metadata jsonb default null,
  idempotency_key text default null,
  tenant text default 'default',
  on_refusal text default 'raise',
  final boolean default true,
  split jsonb default null
) returns livebalance.outcome language sql security definer
set search_path = public, pg_temp as $$
  select livebalance.run(
    jsonb_build_object(
      'op', 'hold_capture',
      'transaction_id', capture.transaction_id,
      'final', capture.final,
      'split', capture.split,
      'metadata', capture.metadata,
      'idempotency_key', capture.idempotency_key,
      'tenant', capture.tenant),
    capture.amount, capture.on_refusal)
$$;
