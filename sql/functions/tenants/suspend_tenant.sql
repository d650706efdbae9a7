-- Suspends a tenant. A second call changes the reason. Returns no row if there is no such tenant.
create or replace function suspend_tenant(p_tenant text, p_reason text, p_actor text)
returns setof tenants language sql security definer set search_path = public, pg_temp as $$
  update tenants set
    suspended_at = coalesce(suspended_at, clock_timestamp()),
    suspended_by = p_actor,
    suspended_reason = p_reason,
    updated_at = clock_timestamp(),
    version = next_access_version()
  where tenant = p_tenant
  returning *
$$;
