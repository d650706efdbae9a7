-- The coarsest grain of the roll-ups, in minutes, that fits between these bounds.
create or replace function analytics_grain(p_bounds timestamptz[]) returns integer
language sql immutable as $$
  select case
    when bool_and(extract(epoch from at)::bigint % 86400 = 0) then 1440
    when bool_and(extract(epoch from at)::bigint % 3600 = 0) then 60
    else 15 end
  from unnest(p_bounds) as at
$$;
