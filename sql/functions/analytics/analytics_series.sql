-- The roll-ups between bounds, which are those of analytics_bounds(): a row for each bucket (counted from 1), type and
-- status, and one for each bucket with null and null. That one has the users whatever they did, and what is true at the
-- end of the bucket: the sum of the balances (`net`) and what is held (`held`).
create or replace function analytics_series(p_tenant text, p_currency text, p_bounds timestamptz[])
returns table (bucket integer, type transaction_type, status transaction_status, transactions bigint, volume numeric,
  net numeric, fees numeric, largest bigint, users bigint, held numeric, waited_us numeric, waits bigint[])
language plpgsql stable security definer
-- The planner takes the few rows of a long range for one, and would compare each with all.
set search_path = public, pg_temp set enable_seqscan = off set enable_nestloop = off set jit = off as $$
#variable_conflict use_column
declare
  v_generation constant integer := analytics_generation();
  v_minutes constant integer := analytics_grain(p_bounds);
  v_from constant timestamptz := p_bounds[1];
  v_day constant timestamptz := date_trunc('day', v_from, 'utc');
  v_to constant timestamptz := p_bounds[cardinality(p_bounds)];
  v_net numeric;
  v_held numeric;
begin
  select coalesce(sum(b.net), 0), coalesce(sum(b.held), 0) into v_net, v_held
  from analytics_buckets b
  where b.generation = v_generation and b.tenant = p_tenant and b.currency = p_currency
    and (b.minutes = 1440 and b.at < v_day or b.minutes = 15 and b.at >= v_day and b.at < v_from);
  return query
    with typed as materialized (
      select place.bucket, b.type, b.status, sum(b.transactions)::bigint as transactions,
        sum(b.volume) as volume, sum(b.net) as net, sum(b.fees) as fees, max(b.largest) as largest,
        sum(analytics_new_users(b.users, b.seen_before, p_bounds[place.bucket], b.at, v_minutes))::bigint as users,
        sum(b.held) as held, sum(b.waited_us) as waited_us,
        case when count(b.waits) > 0 then array[sum(b.waits[1])::bigint, sum(b.waits[2])::bigint,
          sum(b.waits[3])::bigint, sum(b.waits[4])::bigint, sum(b.waits[5])::bigint, sum(b.waits[6])::bigint,
          sum(b.waits[7])::bigint, sum(b.waits[8])::bigint, sum(b.waits[9])::bigint] end as waits
      from analytics_buckets b
      cross join lateral (select width_bucket(b.at, p_bounds) as bucket offset 0) as place
      where b.generation = v_generation and b.tenant = p_tenant and b.currency = p_currency
        and b.minutes = v_minutes and b.at >= v_from and b.at < v_to
      group by 1, 2, 3
    ), active as materialized (
      select place.bucket,
        sum(analytics_new_users(u.users, u.seen_before, p_bounds[place.bucket], u.at, v_minutes))::bigint as users
      from analytics_users u
      cross join lateral (select width_bucket(u.at, p_bounds) as bucket offset 0) as place
      where u.generation = v_generation and u.tenant = p_tenant and u.currency = p_currency
        and u.minutes = v_minutes and u.at >= v_from and u.at < v_to
      group by 1
    ), total as (
      select b.bucket, sum(t.net) as net, sum(t.held) as held
      from generate_series(1, cardinality(p_bounds) - 1) as b (bucket)
      left join typed t on t.bucket = b.bucket
      group by b.bucket
    )
    select t.bucket, t.type, t.status, t.transactions, t.volume, t.net, t.fees, t.largest, t.users, t.held, t.waited_us,
      t.waits
    from typed t
    union all
    select t.bucket, null, null, null, null, v_net + coalesce(sum(t.net) over (order by t.bucket), 0), null, null,
      coalesce(a.users, 0), v_held + coalesce(sum(t.held) over (order by t.bucket), 0), null, null
    from total t
    left join active a on a.bucket = t.bucket
    order by 1, 2, 3;
end
$$;
