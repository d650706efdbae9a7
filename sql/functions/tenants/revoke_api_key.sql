-- Ends a key for good. Returns no row if the tenant has no such key.
create or replace function revoke_api_key(p_tenant text, p_id uuid, p_actor text)
returns setof api_keys language sql security definer set search_path = public, pg_temp as $$
  update api_keys set
    revoked_at = coalesce(revoked_at, clock_timestamp()), revoked_by = coalesce(revoked_by, p_actor),
    previous_prefix = null, previous_hash = null, previous_user_id = null, previous_until = null,
    updated_at = clock_timestamp(), version = next_access_version()
  where tenant = p_tenant and id = p_id
  returning *
$$;
