-- The length of analytics_feed from which on nothing more is written to it.
create or replace function analytics_feed_limit() returns bigint
language sql immutable as $$
  select 50000
$$;
