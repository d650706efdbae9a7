-- The wallet's id. Null if the ledger does not know the user.
create or replace function wallet_of(p_tenant text, p_user_id text) returns bigint
language sql stable as $$
  select id from wallets where tenant = p_tenant and user_id = p_user_id
$$;
