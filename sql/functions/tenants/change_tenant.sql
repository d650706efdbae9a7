-- Changes the settings that p_changes names; null is the server's again. Returns no row if there is no such tenant.
create or replace function change_tenant(p_tenant text, p_name text, p_changes jsonb)
returns setof tenants language sql security definer set search_path = public, pg_temp as $$
  update tenants set
    name = coalesce(p_name, name),
    settings = jsonb_strip_nulls(settings || p_changes),
    updated_at = clock_timestamp(),
    version = next_access_version()
  where tenant = p_tenant
  returning *
$$;
