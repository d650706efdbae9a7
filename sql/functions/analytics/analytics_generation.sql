-- The generation of the roll-ups that answers come from. Null: nothing is built yet.
create or replace function analytics_generation() returns integer
language sql stable security definer set search_path = public, pg_temp as $$
  select generation from analytics_state where generation > 0
$$;
