-- Whether a snapshot matches its entries and its open holds and withdrawals.
create or replace function is_accurate(s balance_snapshots) returns boolean
language sql stable as $$
  select s.balance = entries_sum(s.account_id) and s.held = open_promises(s.wallet_id, s.currency)
    and (s.version, s.hash) = coalesce(
      (select (e.version, e.hash) from entries e where e.account_id = s.account_id
       order by e.version desc limit 1), (0::bigint, ''::bytea))
$$;
