-- Begins a new generation of events when the newest has lasted for an eighth of the time that events are kept. A call
-- either begins one or makes the partition of the next: what begins has been there since an earlier transaction, so
-- every writer knows it. At most 16 generations are kept, because a reader looks into each. Returns the newest that has
-- begun. If another process is doing this, or a lock is not free at once, the next call does it.
create or replace function advance_events(p_keep interval) returns integer
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '50ms' as $$
declare
  v_now constant timestamptz := ledger_clock();
  v_generation integer := event_generation();
  v_next constant integer := v_generation + 1;
  v_began_at timestamptz;
begin
  if not pg_try_advisory_xact_lock(7236178, 11) then
    return v_generation;
  end if;
  if not exists (select from event_generations where generation = v_next) then
    -- Attaching a table locks out neither readers nor writers, as creating a partition would.
    execute format('create table event_rows_%s (like event_rows, primary key (wallet_id, seq))', v_next);
    execute format('alter table event_rows attach partition event_rows_%1$s for values in (%1$s)', v_next);
    insert into event_generations (generation) values (v_next);
    return v_generation;
  end if;
  select began_at into v_began_at from event_generations where generation = v_generation;
  -- One that is dated ahead was begun by a wrong clock.
  if (v_began_at > v_now or v_began_at + event_keep(p_keep) / 8 <= v_now)
      and (select count(*) from event_generations where detached_at is null) < 16 then
    update event_generations set began_at = v_now where generation = v_next;
    return v_next;
  end if;
  return v_generation;
exception
  when lock_not_available then
    return v_generation;
end
$$;
