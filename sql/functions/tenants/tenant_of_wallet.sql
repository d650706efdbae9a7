-- The tenant of a wallet, for triggers on tables that name only the wallet.
create or replace function tenant_of_wallet(p_wallet bigint) returns text
language sql stable security definer set search_path = public, pg_temp as $$
  select tenant from wallets where id = p_wallet
$$;
