-- Makes a tenant. Returns no row if there is one already.
create or replace function create_tenant(p_tenant text, p_name text, p_settings jsonb, p_actor text)
returns setof tenants language sql security definer set search_path = public, pg_temp as $$
  insert into tenants (tenant, name, settings, created_by, version)
  values (p_tenant, p_name, jsonb_strip_nulls(p_settings), p_actor, next_access_version())
  on conflict do nothing
  returning *
$$;
