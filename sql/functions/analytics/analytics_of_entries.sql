-- What some wallets add to the roll-ups in all, by their entries and transactions. A rebuild starts from it, and the
-- audit proves by it. The same as the sum of analytics_of_events() over all their events, which are not kept forever.
create or replace function analytics_of_entries(p_wallets bigint[]) returns setof analytics_part
language sql stable security definer
set search_path = public, pg_temp set work_mem = '64MB' set enable_seqscan = off set jit = off as $$
  with posted as (
    select s.wallet_id, s.tenant, s.currency, e.transaction_id, min(e.created_at) as at,
      sum(e.new_balance - e.previous_balance) as amount
    from balance_snapshots s
    join entries e on e.account_id = s.account_id
    where s.wallet_id = any (p_wallets)
    group by s.wallet_id, s.tenant, s.currency, e.transaction_id
  ), fact as (
    select p.wallet_id, p.tenant, p.currency, p.at, t.type, 'success'::transaction_status as status, 1 as n,
      abs(p.amount) as volume, p.amount as net,
      case when t.split is not null then sign(-p.amount) * analytics_fees(t.split) else 0 end as fees,
      abs(p.amount) as largest,
      case when t.type in ('hold', 'withdrawal') then -abs(coalesce(t.held_amount, t.amount)) else 0 end as held,
      case when t.type in ('topup', 'withdrawal') then greatest(p.at - t.created_at, interval '0') end as waited
    from posted p
    join transactions t on t.tenant = p.tenant and t.id = p.transaction_id
    union all
    select wallet_id, tenant, currency, updated_at, type, status, 1, abs(amount), 0, 0, abs(amount),
      case when type in ('hold', 'withdrawal') then -abs(coalesce(held_amount, amount)) else 0 end,
      case when type in ('topup', 'withdrawal') and status = 'failed'
        then greatest(updated_at - created_at, interval '0') end
    from transactions
    where wallet_id = any (p_wallets) and status <> 'success' and status <> 'pending'
    union all
    select wallet_id, tenant, currency, created_at, type, 'pending', 1, abs(coalesce(held_amount, amount)), 0, 0,
      abs(coalesce(held_amount, amount)), abs(coalesce(held_amount, amount)), null
    from transactions
    where wallet_id = any (p_wallets) and type <> 'booking_payment' and type in ('hold', 'withdrawal')
  )
  select wallet_id, tenant, currency, analytics_quarter(at), type, status, sum(n), sum(volume), sum(net), sum(fees),
    max(largest)::bigint, sum(held), coalesce(sum(extract(epoch from waited)) * 1000000, 0),
    analytics_waits(array_agg(waited) filter (where waited is not null))
  from fact
  group by wallet_id, tenant, currency, analytics_quarter(at), type, status
$$;
