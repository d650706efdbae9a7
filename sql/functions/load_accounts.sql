-- Every account of the locked wallets. Read after the lock, by a statement of its own, so that it sees
-- what whoever held the lock before has committed.
create or replace function load_accounts(p_wallets wallet_state[]) returns account_state[]
language sql stable as $$
  select coalesce(array_agg((s.account_id, s.wallet_id, w.ordinality, s.currency, s.balance, s.held,
    s.version, s.hash, s.updated_at)::account_state), '{}')
  from unnest(p_wallets) with ordinality as w
  join balance_snapshots s on s.wallet_id = w.id
$$;
