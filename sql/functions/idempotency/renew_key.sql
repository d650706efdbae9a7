-- Extends a claim on an idempotency key while its request is processed.
create or replace function renew_key(p_tenant text, p_actor text, p_key text, p_claim uuid)
returns void language sql security definer set search_path = public, pg_temp as $$
  update idempotency_keys set created_at = ledger_clock()
  where tenant = p_tenant and actor = p_actor and key = p_key and claim = p_claim and result = 'null'
$$;
