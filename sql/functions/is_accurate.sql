-- Whether a snapshot says what its entries and the open holds and withdrawals say.
create or replace function is_accurate(s balance_snapshots) returns boolean
language sql stable as $$
  select s.balance = (
      select coalesce(sum(case e.account_id when e.credit_account then e.amount else -e.amount end), 0)
      from entries e where e.account_id = s.account_id)
    and s.held = (
      select coalesce(sum(abs(t.amount)), 0) from transactions t
      where t.wallet_id = s.wallet_id and t.currency = s.currency and t.status = 'pending'
        and t.type in ('hold', 'withdrawal'))
    and (s.version, s.hash) = coalesce(
      (select (e.version, e.hash) from entries e where e.account_id = s.account_id
       order by e.version desc limit 1), (0::bigint, ''::bytea))
$$;
