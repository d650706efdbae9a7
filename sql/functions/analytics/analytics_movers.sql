-- The wallets by how much their balance changed on the days from p_from to before p_to (of UTC), p_limit of them after a
-- place. p_direction 1: those that gained most first; -1: those that lost most. Only the changes are summed for all
-- wallets, from an index alone.
create or replace function analytics_movers(p_tenant text, p_currency text, p_from date, p_to date, p_direction integer,
  p_after_change numeric, p_after_wallet bigint, p_limit integer)
returns table (wallet_id bigint, user_id text, change numeric, volume numeric, transactions bigint, balance bigint)
language sql stable security definer
set search_path = public, pg_temp set work_mem = '64MB' set enable_seqscan = off set jit = off as $$
  with moved as (
    select d.wallet_id, sum(d.net) as change
    from analytics_days d
    where d.generation = analytics_generation() and d.tenant = p_tenant and d.currency = p_currency
      and d.day >= p_from and d.day < p_to and d.status = 'success'
    group by d.wallet_id
  )
  select m.wallet_id, w.user_id, m.change, did.volume, did.transactions, s.balance
  from (
    select * from moved
    where change <> 0
      and (p_after_wallet is null or (-p_direction * change, wallet_id) > (-p_direction * p_after_change, p_after_wallet))
    order by -p_direction * change, wallet_id limit p_limit
  ) as m
  join wallets w on w.id = m.wallet_id
  cross join lateral (
    select sum(d.volume) as volume, sum(d.transactions) as transactions
    from analytics_days d
    where d.generation = analytics_generation() and d.wallet_id = m.wallet_id and d.currency = p_currency
      and d.day >= p_from and d.day < p_to and d.status = 'success'
  ) as did
  left join balance_snapshots s on s.wallet_id = m.wallet_id and s.currency = p_currency
  order by -p_direction * m.change, m.wallet_id
$$;
