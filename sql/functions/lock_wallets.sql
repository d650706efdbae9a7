-- The wallets that a batch touches, locked in the order of their ids, with their places in that order
-- by `<tenant> <user_id>` and by id. A wallet opens with its user's own first command, or an admin's
-- adjustment: nobody else's word makes a user.
create or replace function lock_wallets(p_commands ledger_command[]) returns locked_wallets
language plpgsql as $$
declare
  v_locked locked_wallets;
begin
  if exists (
    select from unnest(p_commands) as c
    where c.transaction_id is null and c.user_id is not null
      and (c.user_id = c.actor or c.op = 'adjustment')
      and not exists (select from wallets w where w.tenant = c.tenant and w.user_id = c.user_id)
  ) then
    insert into wallets (tenant, user_id)
    select distinct c.tenant, c.user_id
    from unnest(p_commands) as c
    where c.transaction_id is null and c.user_id is not null
      and (c.user_id = c.actor or c.op = 'adjustment')
    order by 1, 2
    on conflict do nothing;
  end if;

  select array_agg((w.id, w.tenant, w.user_id, w.seq, w.seq, w.watched, w.changed_at)::wallet_state),
    jsonb_object_agg(w.tenant || ' ' || w.user_id, w.place), jsonb_object_agg(w.id, w.place)
  into v_locked
  from (
    select locked.*, row_number() over () as place
    from (
      select * from wallets
      where id = any (array(
        select w.id from unnest(p_commands) as c
        join wallets w on w.tenant = c.tenant and w.user_id = c.user_id
        where c.transaction_id is null
        union all
        select w.id from unnest(p_commands) as c
        join wallets w on w.tenant = c.tenant and w.user_id = c.to_user_id
        where c.to_user_id is not null
        union all
        select t.wallet_id from unnest(p_commands) as c
        join transactions t on t.id = c.transaction_id and t.tenant = c.tenant
        where c.transaction_id is not null))
      order by id
      for update
    ) as locked
  ) as w;
  return v_locked;
end
$$;
