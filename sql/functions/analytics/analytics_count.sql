-- Writes counts of a process, each the whole count of its quarter of an hour so far. So a repeated or a late write
-- changes nothing.
create or replace function analytics_count(p_rows json) returns void
language sql security definer set search_path = public, pg_temp as $$
  insert into analytics_counts as c (at, tenant, name, label, currency, process, count, amount)
  select at, tenant, name, label, currency, process, count, amount
  from json_populate_recordset(null::analytics_counts, p_rows)
  on conflict (tenant, name, at, label, currency, process) do update
  set count = greatest(c.count, excluded.count), amount = greatest(c.amount, excluded.amount)
$$;
