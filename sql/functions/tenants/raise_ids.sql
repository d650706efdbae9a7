-- Lets new ids begin above those of wallets and accounts that are about to come from another database. Only ids of
-- the own range matter, because no other is ever given here. Nobody takes an id meanwhile: the locks make them wait.
create or replace function raise_ids(p_wallet bigint, p_account bigint) returns void
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
begin
  lock table wallets, accounts in share row exclusive mode;
  perform setval('wallets_id_seq', p_wallet) from wallets_id_seq where last_value <= p_wallet;
  perform setval('accounts_id_seq', p_account) from accounts_id_seq where last_value <= p_account;
end
$$;
