-- Keeps wallets.watched true while the wallet has a limit or a monitor: what ledger_apply() goes by.
create or replace function watch_wallet() returns trigger language plpgsql
security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
declare
  v_wallet bigint := case tg_op when 'DELETE' then old.wallet_id else new.wallet_id end;
begin
  -- Locked by a statement of its own, so that the next one sees what the last holder committed. No
  -- stronger than the update's own lock: two who have just referred to the wallet would wait for each other.
  perform from wallets where id = v_wallet for no key update;
  update wallets set watched = exists (select from limits where wallet_id = v_wallet)
    or exists (select from monitors where wallet_id = v_wallet)
  where id = v_wallet;
  if not found then
    perform miscounted('wallets', 1, 0);
  end if;
  return null;
end
$$;
