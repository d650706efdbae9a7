-- Copies tenants of the main database, as JSON of their rows, to the one that they live in: functions here read their
-- settings. An older row never replaces a newer one.
create or replace function mirror_tenants(p_tenants json) returns void
language sql security definer set search_path = public, pg_temp as $$
  insert into tenants as known
  select * from json_populate_recordset(null::tenants, p_tenants)
  on conflict (tenant) do update set
    (name, settings, suspended_at, suspended_by, suspended_reason, created_by, created_at, updated_at, version)
    = (excluded.name, excluded.settings, excluded.suspended_at, excluded.suspended_by, excluded.suspended_reason,
      excluded.created_by, excluded.created_at, excluded.updated_at, excluded.version)
  where excluded.version > known.version
$$;
