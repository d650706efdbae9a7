-- The wallets that a batch touches, locked in the order of their ids, with their places in that order
-- by `<tenant> <user_id>` and by id. A wallet opens with its user's own first command, or an admin's
-- adjustment: nobody else's word makes a user. p_named and p_transfers: how many of the commands name a
-- transaction and a receiver.
create or replace function lock_wallets(p_commands ledger_command[], p_named integer, p_transfers integer)
returns locked_wallets language plpgsql as $$
declare
  v_locked locked_wallets;
  v_ids bigint[];
begin
  for v_round in 1 .. 2 loop
    v_ids := array(
      select w.id from unnest(p_commands) as c
      join wallets w on w.tenant = c.tenant and w.user_id = c.user_id
      where c.transaction_id is null);
    exit when v_round = 2 or cardinality(v_ids) = cardinality(p_commands) - p_named;
    insert into wallets (tenant, user_id)
    select distinct c.tenant, c.user_id
    from unnest(p_commands) as c
    where c.transaction_id is null and c.user_id is not null
      and (c.user_id = c.actor or c.op = 'adjustment')
      and (select w.id from wallets w where w.tenant = c.tenant and w.user_id = c.user_id) is null
    order by 1, 2
    on conflict do nothing;
  end loop;
  if p_transfers > 0 then
    v_ids := v_ids || array(
      select w.id from unnest(p_commands) as c
      join wallets w on w.tenant = c.tenant and w.user_id = c.to_user_id
      where c.to_user_id is not null);
  end if;
  if p_named > 0 then
    v_ids := v_ids || array(
      select t.wallet_id from unnest(p_commands) as c
      join transactions t on t.id = c.transaction_id and t.tenant = c.tenant
      where c.transaction_id is not null);
  end if;

  select array_agg((w.id, w.tenant, w.user_id, w.seq, w.seq, w.watched, w.changed_at)::wallet_state),
    jsonb_object_agg(w.tenant || ' ' || w.user_id, w.place), jsonb_object_agg(w.id, w.place)
  into v_locked
  from (
    select locked.*, row_number() over () as place
    from (select * from wallets where id = any (v_ids) order by id for update) as locked
  ) as w;
  return v_locked;
end
$$;
