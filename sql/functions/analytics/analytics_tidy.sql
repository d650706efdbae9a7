-- Deletes rows of generations that are neither the current one nor being built, at most p_limit of each table. Returns
-- how many.
create or replace function analytics_tidy(p_limit integer) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  state analytics_state;
  v_table text;
  v_gone bigint;
  v_all bigint := 0;
begin
  if not pg_try_advisory_xact_lock(7236178, 5) then
    return 0;
  end if;
  select * into state from analytics_state;
  foreach v_table in array
    array['analytics_days', 'analytics_buckets', 'analytics_users', 'analytics_cohort_periods', 'analytics_cohorts',
      'analytics_open', 'analytics_cursors']
  loop
    -- A rebuild that ended early left a generation between the two.
    execute format(
      'delete from %1$I where ctid = any (array(
         select ctid from %1$I where generation < $1 and generation <> $2 limit $3))', v_table)
    using coalesce(state.building, state.generation), state.generation, p_limit;
    get diagnostics v_gone = row_count;
    v_all := v_all + v_gone;
  end loop;
  return v_all;
end
$$;
