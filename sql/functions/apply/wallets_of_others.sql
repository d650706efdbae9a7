-- The wallets that a batch concerns besides those of the users and receivers that it names: those of the payees of its
-- splits; those of the transactions that it names, with the payees of a payment, who give back their parts of a refund.
create or replace function wallets_of_others(p_commands ledger_command[]) returns bigint[]
language sql stable as $$
  select array(
    select wallet_of(c.tenant, part ->> 'to')
    from unnest(p_commands) as c
    cross join lateral split_parts(c.split) as part
    where part ? 'to'
    union all
    -- By its index, whatever the statistics say.
    select unnest(case when t.split is null then array[t.wallet_id] else t.wallet_id || split_wallets(t.split) end)
    from unnest(p_commands) as c
    cross join lateral (
      select o.wallet_id, o.split from transactions o where o.tenant = c.tenant and o.id = c.transaction_id offset 0
    ) as t)
$$;
