-- What does not add up in the wallets of a tenant, a row for each wallet that has something, with the
-- first of its problems: versions without a hole, each entry beginning where the one before ended and
-- carrying its hash, the snapshot equal to the sum of entries and to the last one, what is held equal
-- to the open holds and withdrawals.
create or replace function audit_wallets(p_tenant text)
returns table (user_id text, currency text, problem text, snapshot_balance bigint,
  calculated_balance bigint, at text)
language sql stable set work_mem = '64MB' as $$
  with link as (
    select e.account_id, e.version, e.transaction_id, e.new_balance,
      case e.account_id when e.credit_account then e.amount else -e.amount end as delta,
      e.version = 1 + coalesce(lag(e.version) over chain, 0) as no_hole,
      e.previous_balance = coalesce(lag(e.new_balance) over chain, 0) as fits,
      e.hash = entry_hash(coalesce(lag(e.hash) over chain, ''), e.account_id, e.version,
        e.transaction_id, e.debit_account, e.credit_account, e.amount, e.previous_balance,
        e.new_balance, us(e.created_at)) as hash_fits,
      e.created_at > coalesce(lag(e.created_at) over chain, '-infinity') as in_time
    from entries e
    where e.account_id in (select id from accounts where tenant = p_tenant and kind = 'wallet')
    window chain as (partition by e.account_id order by e.version)
  ), chained as (
    select account_id, sum(delta) as total, count(*) as entries,
      min(version) filter (where not no_hole) as hole,
      min(version) filter (where not fits) as misfit,
      min(version) filter (where not hash_fits) as broken,
      min(version) filter (where not in_time) as early
    from link group by account_id
  ), promised as (
    select wallet_id, currency, sum(abs(amount)) as held
    from transactions
    where tenant = p_tenant and status = 'pending' and type in ('hold', 'withdrawal')
    group by 1, 2
  )
  select s.user_id, s.currency, found.problem, s.balance, coalesce(c.total, 0)::bigint,
    found.version::text
  from balance_snapshots s
  left join chained c on c.account_id = s.account_id
  left join promised p on p.wallet_id = s.wallet_id and p.currency = s.currency
  left join entries newest on newest.account_id = s.account_id and newest.version = s.version
  cross join lateral (values
    ('an entry is missing before this one', c.hole, c.hole is not null),
    ('an entry does not begin where the one before ended', c.misfit, c.misfit is not null),
    ('an entry does not carry the hash that its content asks for', c.broken, c.broken is not null),
    ('an entry is not later than the one before', c.early, c.early is not null),
    ('the snapshot differs from the sum of entries', null, s.balance <> coalesce(c.total, 0)),
    ('the snapshot differs from the last entry', s.version,
      s.version <> coalesce(c.entries, 0) or s.balance <> coalesce(newest.new_balance, 0)
      or s.hash <> coalesce(newest.hash, '')),
    ('what is held differs from the open holds and withdrawals', null,
      s.held <> coalesce(p.held, 0))
  ) as found (problem, version, is_so)
  where s.tenant = p_tenant and found.is_so
$$;
