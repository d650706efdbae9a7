-- The locked wallets' accounts that are not among p_known, with their places behind those, by
-- `<place of the wallet><currency>`. Read after the lock, by a statement of its own: so it sees what the
-- lock's last holder committed.
create or replace function load_accounts(p_wallets wallet_state[], p_known account_state[])
returns loaded_accounts language plpgsql as $$
declare
  v_loaded loaded_accounts;
begin
  select array_agg((s.account_id, s.wallet_id, s.wallet, s.currency, s.balance, s.held, s.version,
      s.hash, s.updated_at, s.cash, s.revenue, s.adjustments, s.transit)::account_state),
    jsonb_object_agg(s.wallet || s.currency, s.place)
  into v_loaded
  from (
    select s.*, w.ordinality as wallet, cardinality(p_known) + row_number() over () as place
    from unnest(p_wallets) with ordinality as w
    join balance_snapshots s on s.wallet_id = w.id
    where p_known = '{}' or s.account_id not in (select k.account_id from unnest(p_known) as k)
  ) as s;
  return v_loaded;
end
$$;
