-- The wallets that a batch concerns besides those of the users and receivers that it names: those of the payees of its
-- splits; those of the transactions that it names, with the payees of a payment, who give back their parts of a refund.
create or replace function wallets_of_others(p_commands ledger_command[]) returns bigint[]
language sql stable as $$
  select array(
    select w.id
    from unnest(p_commands) as c
    cross join lateral split_parts(c.split) as part
    join wallets w on w.tenant = c.tenant and w.user_id = part ->> 'to'
    union all
    select unnest(case when t.split is null then array[t.wallet_id] else t.wallet_id || split_wallets(t.split) end)
    from unnest(p_commands) as c
    join transactions t on t.tenant = c.tenant and t.id = c.transaction_id)
$$;
