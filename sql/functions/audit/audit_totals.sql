-- Reads the entries and the transactions of some wallet accounts once, and says of each account whether all of these
-- rules hold. Those of audit_chains() do, and of audit_transactions() those that compare transactions with entries,
-- refunds with what is marked as refunded, and captures with their hold. If is_sound is not true, call these two: they
-- are several times slower, and name what is wrong. A split payment has several entries, so an account with one is
-- always left to them.
--
-- Two sets of rows are compared by the sum of a 64-bit hash of each row. p_seed is the seed of these hashes. With a new
-- random one for each call, different sets pass as equal once in 2^64 times.
create or replace function audit_totals(p_accounts bigint[], p_seed bigint)
returns table (account_id bigint, total numeric, entries bigint, amount numeric, is_sound boolean)
language sql stable security definer
set search_path = public, pg_temp set work_mem = '64MB' set enable_seqscan = off set jit = off as $$
  with posted as materialized (
    select l.account_id, l.house, count(*) as entries, count(*) filter (where l.fits) as fitting,
      min(l.version) as first, max(l.version) as last, sum(l.amount) as amount, sum(l.delta) as total,
      sum(l.mark) as mark
    from (
      select e.account_id, e.version, e.amount, e.new_balance - e.previous_balance as delta,
        case when e.new_balance > e.previous_balance then e.debit_account else e.credit_account end as house,
        e.hash = entry_hash(lag(e.hash, 1, ''::bytea) over chain, e.account_id, e.version, e.transaction_id,
          e.debit_account, e.credit_account, e.amount, e.previous_balance, e.new_balance, e.created_at)
        and e.previous_balance = lag(e.new_balance, 1, 0::bigint) over chain
        and e.created_at >= lag(e.created_at, 1, '-infinity'::timestamptz) over chain
        and e.account_id = case when e.new_balance > e.previous_balance then e.credit_account else e.debit_account end
        and e.amount = abs(e.new_balance - e.previous_balance) as fits,
        transaction_mark(e.transaction_id, e.new_balance - e.previous_balance, e.previous_balance, p_seed) as mark
      from entries e
      where e.account_id = any (p_accounts)
      window chain as (partition by e.account_id order by e.version)
    ) as l
    group by l.account_id, l.house
  ), opened as materialized (
    -- By all columns that are compared with the snapshot, because a join for each transaction would cost more.
    select t.wallet_id, t.currency, t.tenant, t.user_id, t.type,
      count(*) filter (where t.status = 'success') as successes,
      sum(transaction_mark(t.id, t.amount, t.previous_balance, p_seed)) filter (where t.status = 'success') as mark,
      bool_and(t.split is null
        and (t.status <> 'success' or (t.new_balance = t.previous_balance + t.amount) is true)
        and (t.status <> 'success' or (t.approved_by in (t.processed_by, t.user_id)) is not true)
        and ((t.hold_state).captured not between case t.status when 'success' then abs(t.amount) else 0 end
          and case when t.status in ('pending', 'success') then abs(t.amount) else 0 end) is not true) as fits,
      sum(transaction_mark(t.id, t.refunded, 1, p_seed)) filter (where t.refunded <> 0) as refunded,
      -- Of two refunds of one payment the mark differs from the payment's. Then audit_transactions() adds them up.
      sum(transaction_mark(
        case when t.reference_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then t.reference_id::uuid end,
        t.amount, 1, p_seed)) filter (where t.type = 'refund' and t.status = 'success') as refunds
    from transactions t
    where t.wallet_id = any (array(select wallet_id from balance_snapshots where account_id = any (p_accounts)))
    group by 1, 2, 3, 4, 5
  ), expected as materialized (
    select s.account_id, house_account(t.type, s.cash, s.revenue, s.adjustments, s.transit) as house,
      sum(t.successes) as successes, sum(t.mark) as mark,
      bool_and(t.fits and t.tenant = s.tenant and t.user_id = s.user_id) as fits,
      sum(t.refunded) as refunded, sum(t.refunds) as refunds
    from balance_snapshots s
    join opened t on t.wallet_id = s.wallet_id and t.currency = s.currency
    where s.account_id = any (p_accounts)
    group by 1, 2
  ), differing as materialized (
    select coalesce(p.account_id, x.account_id) as account_id
    from posted p
    full join (select * from expected where successes > 0) as x on x.account_id = p.account_id and x.house = p.house
    where p.mark is distinct from x.mark
  )
  select s.account_id, coalesce(p.total, 0), coalesce(p.entries, 0), coalesce(p.amount, 0),
    coalesce(p.fitting = p.entries and p.first = 1 and p.last = p.entries, true)
      and coalesce(x.fits and x.refunded = x.refunds, true)
      and s.account_id not in (select account_id from differing)
  from balance_snapshots s
  left join (
    select account_id, sum(entries)::bigint as entries, sum(fitting) as fitting, min(first) as first, max(last) as last,
      sum(amount) as amount, sum(total) as total
    from posted group by 1
  ) as p on p.account_id = s.account_id
  left join (
    select account_id, bool_and(fits) as fits, coalesce(sum(refunded), 0) as refunded,
      coalesce(sum(refunds), 0) as refunds
    from expected group by 1
  ) as x on x.account_id = s.account_id
  where s.account_id = any (p_accounts)
$$;
