-- Ends a rebuild: from its commit on, answers come from what it built. In the same transaction it takes in what is new,
-- so no answer is older than one before. A wallet that changes meanwhile is left to
-- analytics_step().
create or replace function analytics_build_finish(p_build uuid) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_now constant timestamptz := ledger_clock();
  v_generation integer;
begin
  perform pg_advisory_xact_lock(7236178, 3);
  v_generation := analytics_build_of(p_build);
  perform analytics_roll(v_generation, analytics_behind(v_generation, null));
  update analytics_state
  set generation = building, rolled_at = v_now, building = null, build_id = null, build_seen_at = null;
end
$$;
