-- The generation of a rebuild under way, under its lock. Raises if another rebuild has begun since.
create or replace function analytics_build_of(p_build uuid) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_generation integer;
begin
  perform pg_advisory_xact_lock(7236178, 4);
  update analytics_state set build_seen_at = ledger_clock() where build_id = p_build returning building into v_generation;
  if v_generation is null then
    raise exception 'another rebuild of the roll-ups has begun, or this one has ended';
  end if;
  return v_generation;
end
$$;
