-- The accounts of locked wallets, except those of p_known, with their keys: `<wallet><currency>`. They are read after
-- the lock, by a separate statement, so that it sees the commit of the lock's last holder.
create or replace function load_accounts(p_wallets bigint[], p_known text[])
returns table (accounts account_state[], keys text[]) language sql stable as $$
  select array_agg((false, array_position(p_wallets, s.wallet_id), s.account_id, s.wallet_id,
      s.currency, s.balance, s.held, s.version, s.hash, s.updated_at, s.cash, s.revenue, s.adjustments,
      s.transit)::account_state),
    coalesce(array_agg(s.wallet_id || s.currency), '{}')
  from balance_snapshots s
  where s.wallet_id = any (p_wallets) and s.wallet_id || s.currency <> all (p_known)
$$;
