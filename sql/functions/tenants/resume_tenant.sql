-- Lets a tenant in again. Its webhooks were not tried meanwhile. So what waits there begins to wait now: otherwise a long
-- suspension would count as failures of the receiver. Returns no row if there is no such tenant.
create or replace function resume_tenant(p_tenant text)
returns setof tenants language plpgsql security definer set search_path = public, pg_temp as $$
begin
  update webhook_cursors c set
    waiting_since = case when c.waiting_since is null then null else ledger_clock() end,
    failing_since = case when c.failing_since is null or c.set_aside_at is not null then c.failing_since
      else ledger_clock() end
  from webhook_endpoints e
  where e.tenant = p_tenant and c.endpoint_id = e.id and (c.waiting_since is not null or c.failing_since is not null)
    and exists (select from tenants t where t.tenant = p_tenant and t.suspended_at is not null);
  return query
    update tenants set
      suspended_at = null, suspended_by = null, suspended_reason = null,
      updated_at = clock_timestamp(),
      version = next_access_version()
    where tenant = p_tenant
    returning *;
end
$$;
