-- The longest time that events are kept: p_keep, or that of a tenant.
create or replace function event_keep(p_keep interval) returns interval
language sql stable security definer set search_path = public, pg_temp as $$
  select greatest(p_keep, (
    select max(make_interval(secs => (settings ->> 'eventRetentionSeconds')::float8)) from tenants))
$$;
