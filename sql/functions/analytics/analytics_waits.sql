-- How many of some times that somebody waited for a decision are in each bin. The bins are fixed, so that the counts of
-- two buckets add up: below 1 minute, 5, 15, 1 hour, 4, 1 day, 3, 7, and above.
create or replace function analytics_waits(p_waited interval[]) returns bigint[]
language sql immutable as $$
  select case when p_waited is not null then array_agg((
    select count(*) from unnest(p_waited) as waited
    where 1 + width_bucket(extract(epoch from waited)::float8,
      array[60, 300, 900, 3600, 14400, 86400, 259200, 604800]::float8[]) = bin) order by bin) end
  from generate_series(1, 9) as bin
$$;
