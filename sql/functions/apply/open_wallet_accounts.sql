-- Opens accounts of wallets, each in the currency of the same place, with their snapshots. Sorted, as every lock here.
-- The house's accounts in that currency must be there.
create or replace function open_wallet_accounts(p_wallets bigint[], p_currencies text[]) returns void
language sql as $$
  with opened as (
    insert into accounts (tenant, currency, kind, wallet_id)
    select distinct w.tenant, needed.currency, 'wallet', w.id
    from unnest(p_wallets, p_currencies) as needed (wallet, currency)
    join wallets w on w.id = needed.wallet
    where (select a.id from accounts a where a.wallet_id = w.id and a.currency = needed.currency) is null
    order by 4, 2
    on conflict do nothing
    returning id, tenant, wallet_id, currency
  )
  insert into balance_snapshots
    (account_id, wallet_id, tenant, user_id, currency, cash, revenue, adjustments, transit)
  select o.id, w.id, w.tenant, w.user_id, o.currency, h.cash, h.revenue, h.adjustments, h.transit
  from opened o
  join wallets w on w.id = o.wallet_id
  cross join lateral (
    select min(a.id) filter (where a.kind = 'cash') as cash,
      min(a.id) filter (where a.kind = 'revenue') as revenue,
      min(a.id) filter (where a.kind = 'adjustments') as adjustments,
      min(a.id) filter (where a.kind = 'transit') as transit
    from accounts a
    where a.tenant = o.tenant and a.currency = o.currency and a.wallet_id is null
  ) h
$$;
