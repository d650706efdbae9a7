-- The users of a bucket of the roll-ups, of so many minutes, that were in none before it since p_since.
create or replace function analytics_new_users(p_users bigint, p_seen_before integer[], p_since timestamptz,
  p_at timestamptz, p_minutes integer) returns bigint
language sql immutable as $$
  select p_users - coalesce(p_seen_before[extract(epoch from p_at - p_since)::integer / 60 / p_minutes], 0)
$$;
