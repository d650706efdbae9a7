-- Checks the entries of some wallet accounts. Returns the sum and the count of each account, and the version of the
-- first entry with each problem:
--   hole     the version before it is missing
--   misfit   its previous balance is not the new balance of the entry before
--   broken   its hash does not match its content and the hash before
--   early    its date is before that of the entry before, and no step back of the clock is noted
--   stray    it names a house account of another tenant or currency
--   crossed  its side (debit or credit) contradicts its balances
create or replace function audit_chains(p_accounts bigint[])
returns table (account_id bigint, total numeric, entries bigint, debits numeric, credits numeric,
  hole bigint, misfit bigint, broken bigint, early bigint, stray bigint, crossed bigint)
language sql stable security definer
set search_path = public, pg_temp set work_mem = '64MB' set enable_seqscan = off set jit = off as $$
  select l.account_id, sum(l.delta), count(*),
    -- An entry with a stray house account counts on the wallet's side only, so debits and credits differ.
    coalesce(sum(abs(l.delta)) filter (where l.delta < 0 or l.at_home), 0),
    coalesce(sum(abs(l.delta)) filter (where l.delta > 0 or l.at_home), 0),
    min(l.version) filter (where l.no_hole is not true),
    min(l.version) filter (where l.fits is not true),
    min(l.version) filter (where l.hash_fits is not true),
    min(l.version) filter (where l.in_time is not true and not exists (
      select from clock_steps c where c.account_id = l.account_id and c.version = l.version)),
    min(l.version) filter (where l.at_home is not true),
    min(l.version) filter (where l.side_fits is not true)
  from (
    select e.account_id, e.version,
      case e.account_id when e.credit_account then e.amount when e.debit_account then -e.amount end
        as delta,
      e.version = 1 + lag(e.version, 1, 0::bigint) over chain as no_hole,
      e.previous_balance = lag(e.new_balance, 1, 0::bigint) over chain as fits,
      e.hash = entry_hash(lag(e.hash, 1, ''::bytea) over chain, e.account_id, e.version,
        e.transaction_id, e.debit_account, e.credit_account, e.amount, e.previous_balance,
        e.new_balance, e.created_at) as hash_fits,
      e.created_at >= lag(e.created_at, 1, '-infinity'::timestamptz) over chain as in_time,
      case e.account_id when e.credit_account then e.debit_account when e.debit_account then e.credit_account end
        in (s.cash, s.revenue, s.adjustments, s.transit) or exists (
          select from accounts fee
          where fee.id = case e.account_id when e.credit_account then e.debit_account else e.credit_account end
            and fee.kind like 'fee:%' and fee.wallet_id is null and fee.tenant = s.tenant
            and fee.currency = s.currency) as at_home,
      e.new_balance - e.previous_balance = case e.account_id
        when e.credit_account then e.amount when e.debit_account then -e.amount end as side_fits
    from balance_snapshots s
    join entries e on e.account_id = s.account_id
    where s.account_id = any (p_accounts)
    window chain as (partition by e.account_id order by e.version)
  ) as l
  group by l.account_id
$$;
