-- The starts of the hours or days of a time zone from the one that holds p_from on, and the end of the last one, which is
-- the first that is not before p_to. A day begins with its first instant, also where the clocks change at midnight; it
-- has 23, 24 or 25 hours. An hour begins where the local clock shows a full hour, or was set.
create or replace function analytics_bounds(p_from timestamptz, p_to timestamptz, p_bucket text, p_zone text)
returns timestamptz[] language sql stable set search_path = public, pg_temp as $$
  with start (at) as (
    select distinct first.at
    from generate_series((p_from at time zone p_zone)::date, (p_to at time zone p_zone)::date + 1, '1 day') as day
    cross join lateral (select day::date::timestamp at time zone p_zone as at) as midnight
    cross join lateral (
      -- Midnight comes once, save where the clocks change at about that time.
      select case
        when (midnight.at at time zone p_zone)::date >= day::date
          and ((midnight.at - interval '15 minutes') at time zone p_zone)::date < day::date then midnight.at
        else (
          select min(t)
          from generate_series(midnight.at - interval '3 hours', midnight.at + interval '3 hours', '15 minutes') as t
          where (t at time zone p_zone)::date >= day::date)
        end as at
    ) as first
    where p_bucket = 'day'
    union all
    select t
    from generate_series(analytics_quarter(p_from) - interval '2 hours', analytics_quarter(p_to) + interval '2 hours',
      '15 minutes') as t
    where p_bucket = 'hour' and (extract(minute from t at time zone p_zone) = 0
      or t at time zone p_zone - (t - interval '15 minutes') at time zone p_zone <> interval '15 minutes')
  )
  select array_agg(at order by at)
  from start
  where at >= (select max(at) from start where at <= p_from) and at <= (select min(at) from start where at >= p_to)
$$;
