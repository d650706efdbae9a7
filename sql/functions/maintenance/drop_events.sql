-- Drops the partitions that detach_events() took out. Nobody reads them, so nobody waits while their files are removed.
-- Returns how many there were.
create or replace function drop_events() returns integer
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '50ms' as $$
declare
  v_generation integer;
  v_dropped integer := 0;
begin
  if not pg_try_advisory_xact_lock(7236178, 11) then
    return 0;
  end if;
  for v_generation in select generation from event_generations where detached_at is not null loop
    execute format('drop table event_rows_%s', v_generation);
    delete from event_generations where generation = v_generation;
    v_dropped := v_dropped + 1;
  end loop;
  return v_dropped;
exception
  when lock_not_available then
    return 0;
end
$$;
