-- Finds buckets of a tenant's roll-ups that are not the sum of the days of its wallets, or of the finer buckets in them,
-- as of one instant. audit_wallet_days() proves those days against the entries.
create or replace function audit_rollups(p_tenant text)
returns table (problem text, currency text, at text)
language sql stable security definer
set search_path = public, pg_temp set work_mem = '64MB' set jit = off as $$
  with bucket as (
    select currency, at, type, status, transactions, volume, net, fees, largest, users
    from analytics_buckets
    where generation = analytics_generation() and tenant = p_tenant and minutes = 1440
  ), day as (
    select currency, day::timestamp at time zone 'utc' as at, type, status, sum(transactions) as transactions,
      sum(volume) as volume, sum(net) as net, sum(fees) as fees, max(largest) as largest, count(*) as users
    from analytics_days
    where generation = analytics_generation() and tenant = p_tenant
    group by currency, day, type, status
  ), counted as (
    select currency, minutes, at, type, status, users, seen_before from analytics_buckets
    where generation = analytics_generation() and tenant = p_tenant
    union all
    select currency, minutes, at, null, null, users, seen_before from analytics_users
    where generation = analytics_generation() and tenant = p_tenant
  ), member as (
    select c.wallet_id, u.unit, date_trunc(u.unit, c.first_topup_at at time zone 'utc')::date as cohort
    from analytics_cursors c, (values ('month'), ('week')) as u (unit)
    where c.generation = analytics_generation() and c.tenant = p_tenant and c.first_topup_at is not null
  ), told (currency, minutes, at, kind, users, seen_before) as (
    -- Zeros stand for what was counted once and is not so any more.
    select currency, minutes, at, concat_ws(' ', type, status), users,
      nullif(seen_before, array_fill(0, array[coalesce(cardinality(seen_before), 0)]))
    from counted
  ), recounted (currency, minutes, at, kind, users, seen_before) as (
    select currency, minutes, at, concat_ws(' ', type, status), users, seen_before from analytics_recount(p_tenant)
  )
  select 'a roll-up of a day is not the sum of the days of its users',
    coalesce(b.currency, d.currency),
    concat_ws(' ', (coalesce(b.at, d.at) at time zone 'utc')::date, coalesce(b.type, d.type), coalesce(b.status, d.status))
  from bucket b
  full join day d on d.currency = b.currency and d.at = b.at and d.type = b.type and d.status = b.status
  where (b.transactions, b.volume, b.net, b.fees, b.largest, b.users)
    is distinct from (d.transactions, d.volume, d.net, d.fees, d.largest, d.users)
  union all
  select 'the users of a roll-up are not those of its days', coalesce(t.currency, r.currency),
    concat_ws(' ', coalesce(t.at, r.at) at time zone 'utc', coalesce(t.minutes, r.minutes), coalesce(t.kind, r.kind))
  from told t
  full join recounted r on r.currency = t.currency and r.minutes = t.minutes and r.at = t.at and r.kind = t.kind
  where (coalesce(t.users, 0), t.seen_before) is distinct from (coalesce(r.users, 0), r.seen_before)
  union all
  select 'the roll-ups of a day differ by grain', currency, concat_ws(' ', (day at time zone 'utc')::date, type, status)
  from (
    select currency, date_trunc('day', at, 'utc') as day, type, status, minutes, sum(transactions) as transactions,
      sum(volume) as volume, sum(net) as net, sum(fees) as fees, max(largest) as largest, sum(held) as held,
      sum(waited_us) as waited_us, sum((select sum(n) from unnest(waits) as n)) as waits
    from analytics_buckets
    where generation = analytics_generation() and tenant = p_tenant
    group by 1, 2, 3, 4, 5
  ) as grain
  group by currency, day, type, status
  having count(*) <> 3 or count(distinct (transactions, volume, net, fees, largest, held, waited_us, waits)) <> 1
  union all
  select 'what the roll-ups hold differs from the open holds and withdrawals', b.currency, null
  from (
    select currency, sum(held) as held from analytics_buckets
    where generation = analytics_generation() and tenant = p_tenant and minutes = 1440
    group by currency
  ) as b
  left join (
    select t.currency, sum(o.amount) as amount
    from analytics_open o
    join transactions t on t.tenant = p_tenant and t.id = o.transaction_id
    where o.generation = analytics_generation()
    group by t.currency
  ) as o on o.currency = b.currency
  where b.held <> coalesce(o.amount, 0)
  union all
  select 'a cohort of the roll-ups is not that of its wallets', coalesce(t.currency, r.currency),
    concat_ws(' ', coalesce(t.unit, r.unit), coalesce(t.cohort, r.cohort), coalesce(t.period, r.period))
  from (
    select currency, unit, cohort, period, users, volume from analytics_cohort_periods
    where generation = analytics_generation() and tenant = p_tenant and users > 0
    union all
    select '', unit, cohort, cohort, users, 0 from analytics_cohorts
    where generation = analytics_generation() and tenant = p_tenant and users > 0
  ) as t
  full join (
    select d.currency, m.unit, m.cohort, date_trunc(m.unit, d.day::timestamp)::date as period,
      count(distinct m.wallet_id) as users, sum(d.volume) as volume
    from member m
    join analytics_days d on d.generation = analytics_generation() and d.wallet_id = m.wallet_id and d.status = 'success'
      and d.day >= m.cohort
    group by 1, 2, 3, 4
    union all
    select '', unit, cohort, cohort, count(*), 0 from member group by unit, cohort
  ) as r on r.currency = t.currency and r.unit = t.unit and r.cohort = t.cohort and r.period = t.period
  where (t.users, t.volume) is distinct from (r.users, r.volume)
$$;
