-- Makes a user known, with an empty wallet, and returns the wallet's id. It is called when a user with a valid token
-- first asks for their balance, so that others can send them money.
create or replace function open_wallet(p_tenant text, p_user_id text) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into wallets (tenant, user_id) values (p_tenant, p_user_id) on conflict do nothing;
  return wallet_of(p_tenant, p_user_id);
end
$$;
