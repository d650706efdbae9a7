-- Opens what the split payments of a batch are the first to need: the accounts of the payees, whose wallets are locked,
-- and fee accounts. Where the house has no account in the currency yet, the payer has no money in it either.
create or replace function open_split_accounts(p_commands ledger_command[], p_wallets bigint[]) returns void
language plpgsql as $$
declare
  v_wallets bigint[];
  v_currencies text[];
begin
  with needed as materialized (
    select c.tenant, coalesce(t.currency, c.currency) as currency, part
    from unnest(p_commands) as c
    left join transactions t on t.tenant = c.tenant and t.id = c.transaction_id
    cross join lateral split_parts(c.split) as part
  ), fees as (
    insert into accounts (tenant, currency, kind)
    select distinct n.tenant, n.currency, 'fee:' || (n.part ->> 'fee')
    from needed n
    where n.part ->> 'fee' ~ '^[a-z0-9][a-z0-9_-]{0,63}$'
      and exists (select from currencies where code = n.currency)
      and (select a.id from accounts a where a.tenant = n.tenant and a.currency = n.currency
        and a.kind = 'fee:' || (n.part ->> 'fee') and a.wallet_id is null) is null
    order by 1, 2, 3
    on conflict do nothing
  )
  select array_agg(w.id), array_agg(n.currency) into v_wallets, v_currencies
  from needed n
  join wallets w on w.tenant = n.tenant and w.user_id = n.part ->> 'to'
  where w.id = any (p_wallets) and exists (select from accounts a
    where a.tenant = n.tenant and a.currency = n.currency and a.kind = 'transit' and a.wallet_id is null);
  perform open_wallet_accounts(v_wallets, v_currencies);
end
$$;
