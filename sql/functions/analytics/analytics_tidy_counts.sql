-- Joins the counts of all processes that are more than a day old, and deletes those that are more than 400 days old, at
-- most p_limit of each. Returns how many rows it took. A process writes only its current counts, and what it could not
-- write before. So nothing is written again that was joined.
create or replace function analytics_tidy_counts(p_limit integer) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_all constant uuid := '00000000-0000-0000-0000-000000000000';
  v_gone bigint;
  v_joined bigint;
begin
  if not pg_try_advisory_xact_lock(7236178, 5) then
    return 0;
  end if;
  delete from analytics_counts where ctid = any (array(
    select ctid from analytics_counts where process = v_all and at < ledger_clock() - interval '400 days' limit p_limit));
  get diagnostics v_gone = row_count;
  with taken as (
    delete from analytics_counts where ctid = any (array(
      select ctid from analytics_counts where process > v_all and at < ledger_clock() - interval '1 day' limit p_limit))
    returning at, tenant, name, label, currency, count, amount
  ), joined as (
    insert into analytics_counts as c (at, tenant, name, label, currency, process, count, amount)
    select at, tenant, name, label, currency, v_all, sum(count), sum(amount)
    from taken
    group by at, tenant, name, label, currency
    on conflict (tenant, name, at, label, currency, process) do update
    set count = c.count + excluded.count, amount = c.amount + excluded.amount
  )
  select count(*) into v_joined from taken;
  return v_gone + v_joined;
end
$$;
