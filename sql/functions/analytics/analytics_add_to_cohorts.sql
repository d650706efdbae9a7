-- Adds parts to the cohorts of a generation. Called before analytics_add() and before the cursors are written, because it
-- compares with both. A wallet whose first topup is new, or is earlier than thought, moves to another cohort with
-- all it ever did.
create or replace function analytics_add_to_cohorts(p_generation integer, p_parts analytics_part[],
  p_cursors analytics_cursors[]) returns void
language sql security definer set search_path = public, pg_temp set work_mem = '64MB' set enable_seqscan = off
set jit = off as $$
  with wallet as (
    select n.wallet_id, n.tenant, u.unit, date_trunc(u.unit, c.first_topup_at at time zone 'utc')::date as was,
      date_trunc(u.unit, least(c.first_topup_at, n.first_topup_at) at time zone 'utc')::date as cohort
    from unnest(p_cursors) as n
    cross join (values ('month'), ('week')) as u (unit)
    left join analytics_cursors c on c.generation = p_generation and c.wallet_id = n.wallet_id
  ), member as materialized (
    select *, was is distinct from cohort as moved from wallet where cohort is not null
  ), fresh as (
    select m.wallet_id, m.tenant, m.unit, m.was, m.cohort, m.moved, p.currency,
      date_trunc(m.unit, p.at at time zone 'utc')::date as period, sum(p.volume) as volume
    from member m
    join unnest(p_parts) as p on p.wallet_id = m.wallet_id and p.status = 'success'
    group by 1, 2, 3, 4, 5, 6, 7, 8
  ), earlier as (
    -- Of wallets that move: everything. Of others: whether there was anything in the same period.
    select m.wallet_id, m.tenant, m.unit, m.was, m.cohort, m.moved, d.currency,
      date_trunc(m.unit, d.day::timestamp)::date as period, sum(d.volume) as volume
    from member m
    join analytics_days d on d.generation = p_generation and d.wallet_id = m.wallet_id and d.status = 'success'
    where m.moved
    group by 1, 2, 3, 4, 5, 6, 7, 8
    union all
    select f.wallet_id, f.tenant, f.unit, f.was, f.cohort, f.moved, f.currency, f.period, 0
    from fresh f
    where not f.moved and exists (
      select from analytics_days d
      where d.generation = p_generation and d.wallet_id = f.wallet_id and d.currency = f.currency
        and d.day >= f.period and d.day < f.period + ('1 ' || f.unit)::interval and d.status = 'success')
  ), change as (
    select tenant, currency, unit, cohort, period, count(*) as users, sum(volume) as volume
    from (
      select wallet_id, tenant, currency, unit, cohort, period, sum(volume) as volume
      from (select * from fresh union all select * from earlier) as now
      where period >= cohort
      group by wallet_id, tenant, currency, unit, cohort, period
    ) as after
    group by tenant, currency, unit, cohort, period
    union all
    select tenant, currency, unit, was, period, -count(*), -sum(volume)
    from earlier
    where period >= was
    group by tenant, currency, unit, was, period
  ), sizes as (
    insert into analytics_cohorts as c (generation, tenant, unit, cohort, users)
    select p_generation, tenant, unit, cohort, sum(n)
    from (
      select tenant, unit, cohort, 1 as n from member where moved
      union all
      select tenant, unit, was, -1 from member where moved and was is not null
    ) as move
    group by tenant, unit, cohort
    on conflict (generation, tenant, unit, cohort) do update set users = c.users + excluded.users
  )
  insert into analytics_cohort_periods as c (generation, tenant, currency, unit, cohort, period, users, volume)
  select p_generation, tenant, currency, unit, cohort, period, sum(users), sum(volume)
  from change
  group by tenant, currency, unit, cohort, period
  on conflict (generation, tenant, currency, unit, cohort, period) do update set
    users = c.users + excluded.users, volume = c.volume + excluded.volume
$$;
