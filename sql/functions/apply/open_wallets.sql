-- Opens the wallets that a batch is the first to need, in sorted order. A wallet opens with its user's own
-- first command, or with an admin's adjustment that adds money. No other command opens one, and a refused adjustment
-- does not either.
create or replace function open_wallets(p_commands ledger_command[]) returns void
language plpgsql as $$
begin
  insert into wallets (tenant, user_id)
  select distinct c.tenant, c.user_id
  from unnest(p_commands) as c
  where c.transaction_id is null and c.user_id is not null
    and case when c.op <> 'adjustment' then c.user_id = c.actor
      else c.user_id <> c.actor and c.amount between 1 and 9007199254740991
        and exists (select from currencies where code = c.currency) end
    and (select w.id from wallets w where w.tenant = c.tenant and w.user_id = c.user_id) is null
  order by 1, 2
  on conflict do nothing;
end
$$;
