-- Adds the requests that a process counted since its last report, and replaces its open streams. Both are counts by
-- tenant. Deletes what nobody asks for any more.
create or replace function report_tenants(p_process uuid, p_requests json, p_connections json) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_now constant timestamptz := clock_timestamp();
begin
  insert into tenant_requests as r (tenant, slot, requests)
  select key, date_bin('5 minutes', v_now, 'epoch'), value::bigint
  from json_each_text(p_requests) order by key
  on conflict (tenant, slot) do update set requests = r.requests + excluded.requests;
  insert into tenant_connections as c (process, tenant, connections, at)
  select p_process, key, value::integer, v_now from json_each_text(p_connections) order by key
  on conflict (tenant, process) do update set connections = excluded.connections, at = excluded.at;
  delete from tenant_connections c
  using (
    select process, tenant from tenant_connections
    where at < v_now - interval '1 minute' or (process = p_process and at < v_now)
    for update skip locked
  ) as gone
  where c.process = gone.process and c.tenant = gone.tenant;
  delete from tenant_requests r
  using (
    select tenant, slot from tenant_requests where slot < v_now - interval '2 days' for update skip locked
  ) as gone
  where r.tenant = gone.tenant and r.slot = gone.slot;
end
$$;
