-- One wallet's snapshot and the sum of its entries, as of one instant. Returns no row if the wallet does not exist.
create or replace function verify_wallet(p_tenant text, p_user_id text, p_currency text)
returns table (snapshot_balance bigint, calculated_balance bigint)
language sql stable as $$
  select s.balance, entries_sum(s.account_id)
  from balance_snapshots s
  where s.wallet_id = wallet_of(p_tenant, p_user_id) and s.currency = p_currency
$$;
