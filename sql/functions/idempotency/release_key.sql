-- Releases a claim on an idempotency key that has no answer, so that the next caller may claim it.
create or replace function release_key(p_tenant text, p_actor text, p_key text, p_claim uuid)
returns void language sql security definer set search_path = public, pg_temp as $$
  delete from idempotency_keys
  where tenant = p_tenant and actor = p_actor and key = p_key and claim = p_claim and result = 'null'
$$;
