-- Stores a key. Returns no row if the tenant has p_most keys that work.
create or replace function create_api_key(
  p_tenant text, p_kind text, p_name text, p_user_id text, p_roles jsonb, p_scopes jsonb, p_prefix text, p_hash bytea,
  p_expires_at timestamptz, p_actor text, p_most integer
) returns setof api_keys language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_id constant uuid := uuid_at(clock_timestamp());
  v_version constant bigint := next_access_version();
begin
  if p_kind = 'service' and p_most <= (
    select count(*) from api_keys
    where tenant = p_tenant and kind = 'service' and revoked_at is null
      and coalesce(expires_at > clock_timestamp(), true)
  ) then
    return;
  end if;
  return query
    insert into api_keys (id, tenant, kind, name, user_id, roles, scopes, prefix, hash, expires_at, created_by, version)
    values (v_id, p_tenant, p_kind, p_name, coalesce(p_user_id, 'key:' || v_id), p_roles, p_scopes, p_prefix, p_hash,
      p_expires_at, p_actor, v_version)
    returning *;
end
$$;
