-- Makes a user known, locks the wallet and returns its id, for functions other than ledger_apply(). If the wallet stays
-- locked, the call fails soon, so that it does not occupy a session.
create or replace function lock_wallet(p_tenant text, p_user_id text) returns bigint
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
declare
  v_wallet constant bigint := open_wallet(p_tenant, p_user_id);
begin
  perform from wallets where id = v_wallet for update;
  return v_wallet;
end
$$;
