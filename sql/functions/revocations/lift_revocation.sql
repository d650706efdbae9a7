-- Lifts a revocation, so that its unexpired tokens are accepted again. Returns false if there is no such revocation.
create or replace function lift_revocation(p_tenant text, p_id uuid) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  update revocations set lifted_at = clock_timestamp(), version = next_revocation_version()
  where tenant = p_tenant and id = p_id and revocation_stands(lifted_at, expires_at);
  return found;
end
$$;
