-- Finds wallets, of some wallet accounts, whose days in the roll-ups contradict their entries and transactions. Wallets
-- with changes that are not in the roll-ups yet are left to the next audit. audit_rollups() proves that the roll-ups are
-- the sums of these days.
create or replace function audit_wallet_days(p_accounts bigint[])
returns table (account_id bigint, problem text, at text)
language sql stable security definer
set search_path = public, pg_temp set work_mem = '64MB' set enable_seqscan = off set jit = off as $$
  with current as materialized (
    select s.account_id, s.wallet_id, s.currency, c.generation
    from balance_snapshots s
    join wallets w on w.id = s.wallet_id
    join analytics_cursors c on c.generation = analytics_generation() and c.wallet_id = w.id and c.seq = w.seq
    where s.account_id = any (p_accounts)
  ), expected as (
    select c.account_id, (p.at at time zone 'utc')::date as day, p.type, p.status, sum(p.transactions) as transactions,
      sum(p.volume) as volume, sum(p.net) as net, sum(p.fees) as fees, max(p.largest) as largest,
      bit_or(set_bit(repeat('0', 96)::bit(96), (extract(epoch from p.at)::bigint / 900 % 96)::integer, 1)) as quarters
    from analytics_of_entries(array(select distinct wallet_id from current)) as p
    join current c on c.wallet_id = p.wallet_id and c.currency = p.currency
    group by 1, 2, 3, 4
  ), found as (
    select c.account_id, d.day, d.type, d.status, d.transactions, d.volume, d.net, d.fees, d.largest, d.quarters
    from current c
    join analytics_days d on d.generation = c.generation and d.wallet_id = c.wallet_id and d.currency = c.currency
  )
  select coalesce(e.account_id, f.account_id), 'a day of the roll-ups is not the sum of the entries',
    concat_ws(' ', coalesce(e.day, f.day), coalesce(e.type, f.type), coalesce(e.status, f.status))
  from expected e
  full join found f on f.account_id = e.account_id and f.day = e.day and f.type = e.type and f.status = e.status
  where (e.transactions, e.volume, e.net, e.fees, e.largest, e.quarters)
    is distinct from (f.transactions, f.volume, f.net, f.fees, f.largest, f.quarters)
  union all
  select c.account_id, 'an open hold or withdrawal is not in the roll-ups', t.id::text
  from current c
  join transactions t on t.wallet_id = c.wallet_id and t.currency = c.currency and t.status = 'pending'
    and t.status <> 'success' and t.type in ('hold', 'withdrawal')
  left join analytics_open o on o.generation = c.generation and o.transaction_id = t.id
  where o.amount is distinct from abs(t.amount)
  union all
  select c.account_id, 'the first or last entry of the roll-ups is not that of the wallet', null
  from current c
  join analytics_cursors k on k.generation = c.generation and k.wallet_id = c.wallet_id
  cross join lateral (
    select min(e.created_at) as first_at, max(e.created_at) as last_at,
      min(e.created_at) filter (where t.type = 'topup') as first_topup_at
    from balance_snapshots s
    join entries e on e.account_id = s.account_id
    join transactions t on t.tenant = s.tenant and t.id = e.transaction_id
    where s.wallet_id = c.wallet_id
  ) as posted
  where (k.first_entry_at, k.last_entry_at, k.first_topup_at)
    is distinct from (posted.first_at, posted.last_at, posted.first_topup_at)
$$;
