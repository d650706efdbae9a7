-- Opens what a batch is the first to need: accounts of the locked wallets in the currencies that its
-- commands name, with their snapshots, and before them the house's accounts. Sorted, as every lock here.
create or replace function open_accounts(p_commands ledger_command[], p_wallets bigint[])
returns void language plpgsql as $$
begin
  with named as materialized (
    select distinct c.tenant, n.code
    from unnest(p_commands) as c
    join currencies n on n.code = c.currency
    where c.transaction_id is null
      and c.tenant = any (array(select w.tenant from wallets w where w.id = any (p_wallets)))
  )
  insert into accounts (tenant, currency, kind)
  select n.tenant, n.code, k.kind
  from named n
  cross join unnest(array['adjustments', 'cash', 'revenue', 'transit']) as k (kind)
  -- A subquery for its plan: one look-up in the index.
  where (select a.id from accounts a where a.tenant = n.tenant and a.currency = n.code
    and a.kind = k.kind and a.wallet_id is null) is null
  order by 1, 2, 3
  on conflict do nothing;

  perform open_wallet_accounts(array_agg(w.id), array_agg(n.code))
  from unnest(p_commands) as c
  join currencies n on n.code = c.currency
  join wallets w on w.tenant = c.tenant and w.user_id in (c.user_id, c.to_user_id)
  where c.transaction_id is null and w.id = any (p_wallets);

  -- Those of payees again: now the house has accounts in the currency.
  if exists (select from unnest(p_commands) as c where c.split is not null) then
    perform open_split_accounts(p_commands, p_wallets);
  end if;
end
$$;
