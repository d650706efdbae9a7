-- Stores the answer to a claimed idempotency key, unless it has one, and returns the stored answer. Returns null if the
-- claim was lost.
create or replace function keep_answer(
  p_tenant text, p_actor text, p_key text, p_claim uuid, p_answer text
) returns text language plpgsql security definer set search_path = public, pg_temp as $$
begin
  update idempotency_keys set result = to_jsonb(p_answer), created_at = ledger_clock()
  where tenant = p_tenant and actor = p_actor and key = p_key and claim = p_claim and result = 'null';
  return (select result #>> '{}' from idempotency_keys
    where tenant = p_tenant and actor = p_actor and key = p_key and claim = p_claim);
end
$$;
