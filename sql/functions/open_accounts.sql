-- Opens what a batch is the first to need: accounts of the locked wallets in the currencies that its
-- commands name, with their snapshots, and the house's accounts. Sorted, as every lock here is.
-- Returns whether there was anything to open.
create or replace function open_accounts(p_commands ledger_command[], p_wallets wallet_state[])
returns boolean language plpgsql as $$
declare
  v_opened bigint;
  v_house bigint;
begin
  with opened as (
    insert into accounts (tenant, currency, kind, wallet_id)
    select distinct w.tenant, n.code, 'wallet', w.id
    from unnest(p_commands) as c
    join currencies n on n.code = c.currency
    join unnest(p_wallets) as w on w.tenant = c.tenant and w.user_id in (c.user_id, c.to_user_id)
    where c.transaction_id is null and not exists (
      select from accounts a where a.wallet_id = w.id and a.currency = n.code)
    order by 4, 2
    on conflict do nothing
    returning id, wallet_id, currency
  ), snapped as (
    insert into balance_snapshots (account_id, wallet_id, tenant, user_id, currency)
    select o.id, w.id, w.tenant, w.user_id, o.currency
    from opened o join wallets w on w.id = o.wallet_id
    returning 1
  )
  select count(*) into v_opened from snapped;

  insert into accounts (tenant, currency, kind)
  select distinct c.tenant, n.code, k.kind
  from unnest(p_commands) as c
  join currencies n on n.code = c.currency
  cross join unnest(array['adjustments', 'cash', 'revenue', 'transit']) as k (kind)
  where c.transaction_id is null
    and exists (select from unnest(p_wallets) w where w.tenant = c.tenant and w.user_id = c.user_id)
    and not exists (
      select from accounts a where a.tenant = c.tenant and a.currency = n.code
        and a.kind = k.kind and a.wallet_id is null)
  order by 1, 2, 3
  on conflict do nothing;
  get diagnostics v_house = row_count;
  return v_opened + v_house > 0;
end
$$;
