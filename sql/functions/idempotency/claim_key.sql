-- Claims an idempotency key for a request that is not a command of ledger_apply(), by a row without an answer. If a
-- claim was not renewed within p_lease, its process is taken for dead and the next caller gets the claim. Returns
-- whether the claim is the caller's. If not, it returns the hash of the key's request, and the first answer, null
-- until there is one.
create or replace function claim_key(
  p_tenant text, p_actor text, p_key text, p_hash text, p_claim uuid, p_lease interval
) returns table (mine boolean, hash text, answer text)
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into idempotency_keys as k (tenant, actor, key, command_hash, result, claim, created_at)
  values (p_tenant, p_actor, p_key, p_hash, 'null', p_claim, ledger_clock())
  on conflict (tenant, actor, key) do update set claim = p_claim, created_at = ledger_clock()
  where k.command_hash = p_hash and k.result = 'null'
    and k.created_at not between ledger_clock() - p_lease and ledger_clock() + p_lease;
  if found then
    return query select true, p_hash, null::text;
  else
    return query
      select false, k.command_hash, k.result #>> '{}' from idempotency_keys k
      where k.tenant = p_tenant and k.actor = p_actor and k.key = p_key;
  end if;
end
$$;
