-- Makes a user known and locks the wallet, for whatever is no command of ledger_apply(); returns the wallet's id. Who
-- finds it locked for long is told so, and keeps no session from others meanwhile.
create or replace function lock_wallet(p_tenant text, p_user_id text) returns bigint
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
declare
  v_wallet constant bigint := open_wallet(p_tenant, p_user_id);
begin
  perform from wallets where id = v_wallet for update;
  return v_wallet;
end
$$;
