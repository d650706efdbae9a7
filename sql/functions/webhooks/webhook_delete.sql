-- Deletes an endpoint with its cursors and attempts. Returns whether the tenant had it.
create or replace function webhook_delete(p_tenant text, p_endpoint_id uuid) returns boolean
language sql security definer set search_path = public, pg_temp as $$
  with gone as (
    delete from webhook_endpoints where tenant = p_tenant and id = p_endpoint_id returning id
  ), cursors as (
    delete from webhook_cursors c using gone where c.endpoint_id = gone.id
  ), attempts as (
    delete from webhook_attempts a using gone where a.endpoint_id = gone.id
  )
  select exists (select from gone)
$$;
