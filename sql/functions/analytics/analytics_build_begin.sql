-- Begins a rebuild, and returns the name by which its steps are called. A rebuild that was under way ends: its next step
-- is refused. Answers come from the current roll-ups until analytics_build_finish().
create or replace function analytics_build_begin() returns uuid
language sql security definer set search_path = public, pg_temp as $$
  update analytics_state
  set building = greatest(generation, building) + 1, build_id = gen_random_uuid(), build_seen_at = ledger_clock()
  returning build_id
$$;
