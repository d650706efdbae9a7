-- The users of every bucket of a tenant's roll-ups, counted from the days of its wallets: by type and status, and by null
-- and null whatever the type, of what succeeded. The audit compares with it.
create or replace function analytics_recount(p_tenant text)
returns table (currency text, minutes smallint, at timestamptz, type transaction_type, status transaction_status,
  users bigint, seen_before integer[])
language sql stable security definer set search_path = public, pg_temp set work_mem = '64MB' set enable_nestloop = off
set jit = off as $$
  with quarter as (
    select d.wallet_id, d.currency, d.type, d.status, (d.day - date '1970-01-01') * 96 + q.place as slot
    from analytics_days d
    cross join lateral (
      select position(B'1' in d.quarters) - 1 where bit_count(d.quarters) = 1
      union all
      select place from generate_series(0, 95) as place where bit_count(d.quarters) > 1 and get_bit(d.quarters, place) = 1
    ) as q (place)
    where d.generation = analytics_generation() and d.tenant = p_tenant
  ), spaced as (
    select currency, type, status, slot, lag(slot) over (partition by wallet_id, currency, type, status order by slot) as before
    from quarter
    union all
    select currency, null, null, slot, lag(slot) over (partition by wallet_id, currency order by slot)
    from (select wallet_id, currency, slot from quarter where status = 'success' group by wallet_id, currency, slot) as active
  ), placed as (
    -- In each bucket a user counts once: where they were not in it a quarter before.
    select s.currency, g.minutes, s.slot / (g.minutes / 15) as slot, s.type, s.status,
      least(s.slot / (g.minutes / 15) - s.before / (g.minutes / 15), analytics_span(g.minutes)) as gap, count(*) as n
    from spaced s, (values (15), (60), (1440)) as g (minutes)
    where s.before is null or s.slot / (g.minutes / 15) > s.before / (g.minutes / 15)
    group by 1, 2, 3, 4, 5, 6
  )
  select currency, minutes::smallint, to_timestamp(slot::bigint * minutes * 60), type, status, sum(n)::bigint,
    analytics_seen_before(array_agg(gap) filter (where gap < analytics_span(minutes)),
      array_agg(n::integer) filter (where gap < analytics_span(minutes)), analytics_span(minutes))
  from placed
  group by currency, minutes, slot, type, status
$$;
