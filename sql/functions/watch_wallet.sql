-- Keeps wallets.watched true while the wallet has a limit or a monitor: what ledger_apply() goes by.
create or replace function watch_wallet() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
declare
  v_wallet bigint := case tg_op when 'DELETE' then old.wallet_id else new.wallet_id end;
begin
  update wallets set watched = exists (select from limits where wallet_id = v_wallet)
    or exists (select from monitors where wallet_id = v_wallet)
  where id = v_wallet;
  return null;
end
$$;
