-- What each command is about, in the order of the commands.
create or replace function target_commands(
  p_commands ledger_command[], p_wallets wallet_state[], p_accounts account_state[],
  p_named transactions[]
) returns command_target[] language sql stable as $$
  with command as (
    select c.ordinality as place, c.tenant, c.actor, c.idempotency_key as key,
      t.ordinality as named, coalesce(t.currency, c.currency) as currency,
      coalesce(t.user_id, c.user_id) as user_id, c.to_user_id, house_account(c.op) as kind,
      case when c.idempotency_key is not null then
        min(c.ordinality) over (partition by c.tenant, c.actor, c.idempotency_key) end as twin
    from unnest(p_commands) with ordinality as c
    left join unnest(p_named) with ordinality as t on t.id = c.transaction_id and t.tenant = c.tenant
  ), owned as (
    select w.tenant, w.user_id, a.currency, a.ordinality as place
    from unnest(p_accounts) with ordinality as a
    join unnest(p_wallets) as w on w.id = a.wallet_id
  )
  select array_agg((a.place, r.place, c.named, c.twin, h.id, k.command_hash, k.result)::command_target
    order by c.place)
  from command c
  left join owned a on a.tenant = c.tenant and a.user_id = c.user_id and a.currency = c.currency
  left join owned r on r.tenant = c.tenant and r.user_id = c.to_user_id and r.currency = c.currency
  left join accounts h on h.tenant = c.tenant and h.currency = c.currency and h.kind = c.kind
    and h.wallet_id is null
  left join idempotency_keys k on k.tenant = c.tenant and k.actor = c.actor and k.key = c.key
$$;
