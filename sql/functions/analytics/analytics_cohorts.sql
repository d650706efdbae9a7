-- Wallets by the month or week of UTC of their first topup (in any currency), from the one that holds p_from to the one
-- before p_to, and what they did in each month or week from then on: how many had an entry in a currency, and the sum of
-- the amounts. A cohort without any has one row with null.
create or replace function analytics_cohorts(p_tenant text, p_currency text, p_unit text, p_from timestamptz,
  p_to timestamptz)
returns table (cohort date, size bigint, period date, users bigint, volume numeric)
language sql stable security definer set search_path = public, pg_temp set enable_seqscan = off set jit = off as $$
  select c.cohort, c.users, p.period, coalesce(p.users, 0), coalesce(p.volume, 0)
  from analytics_cohorts c
  left join analytics_cohort_periods p on p.generation = c.generation and p.tenant = c.tenant and p.currency = p_currency
    and p.unit = c.unit and p.cohort = c.cohort and p.users > 0
  where c.generation = analytics_generation() and c.tenant = p_tenant and c.unit = p_unit and c.users > 0
    and c.cohort >= date_trunc(p_unit, p_from at time zone 'utc') and c.cohort < p_to at time zone 'utc'
  order by c.cohort, p.period
$$;
