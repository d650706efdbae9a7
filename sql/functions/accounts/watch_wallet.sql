-- Keeps wallets.watched true while the wallet has a limit or a monitor, or is frozen. ledger_apply() looks for them only
-- then.
create or replace function watch_wallet() returns trigger language plpgsql
security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
declare
  v_wallet bigint := case tg_op when 'DELETE' then old.wallet_id else new.wallet_id end;
begin
  -- A separate statement takes the lock, so that the update sees what the last holder committed. A stronger lock
  -- could deadlock two transactions that both have just inserted a reference to the wallet.
  perform from wallets where id = v_wallet for no key update;
  update wallets set watched = exists (select from limits where wallet_id = v_wallet)
    or exists (select from monitors where wallet_id = v_wallet)
    or coalesce((select frozen.debits or frozen.credits from freeze_of(v_wallet) as frozen), false)
  where id = v_wallet;
  if not found then
    perform miscounted('wallets', 1, 0);
  end if;
  return null;
end
$$;
