-- One step of a tenant's audit, as of one instant. It checks the p_limit wallet accounts after p_after, or those up to
-- p_until. It returns the number checked, the number with problems, at most 1000 problems, the debits and credits by
-- currency, and the account to continue after (null at the end). A transaction changes only wallets that it locks. So
-- checking the wallets one after another checks the whole.
create or replace function audit_wallets(
  p_tenant text, p_after bigint, p_limit integer, p_until bigint default null
) returns table (total bigint, inaccurate bigint, entries bigint, ledger json, discrepancies json,
  next bigint)
language plpgsql stable security definer
set search_path = public, pg_temp set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  v_accounts constant bigint[] := array(
    select account_id from balance_snapshots
    where tenant = p_tenant and account_id > p_after
      and account_id <= coalesce(p_until, 9223372036854775807)
    order by account_id limit p_limit);
begin
  -- Most accounts are sound, and the functions that say what is wrong take several times as long.
  with totals as materialized (
    select * from audit_totals(v_accounts, uuid_hash_extended(gen_random_uuid(), 0))
  ), unsound as materialized (
    select coalesce(array_agg(account_id), '{}') as accounts from totals where is_sound is not true
  ), chain as materialized (
    select c.* from unsound u cross join lateral audit_chains(u.accounts) as c
  ), wallet as materialized (
    select s.account_id, s.user_id, s.currency, s.balance, s.held, s.version, s.hash,
      coalesce(c.total, t.total) as total, coalesce(c.entries, t.entries) as entries,
      coalesce(c.debits, t.amount) as debits, coalesce(c.credits, t.amount) as credits,
      c.hole, c.misfit, c.broken, c.early, c.stray, c.crossed,
      newest.new_balance, newest.hash as newest_hash,
      open_promises(s.wallet_id, s.currency) as promised,
      told.has_gap, told.last_seq, w.seq, last_event.new_balance as told_balance,
      (select array_agg(h.kind::text order by h.kind) from accounts h
       where h.id in (s.cash, s.revenue, s.adjustments, s.transit) and h.wallet_id is null
         and h.tenant = s.tenant and h.currency = s.currency) as houses
    from balance_snapshots s
    left join wallets w on w.id = s.wallet_id
    cross join lateral (
      select bool_or(r.has_gap) as has_gap, max(r.seq) as last_seq
      from (
        select seq, seq - cardinality(events) <> lag(seq) over (order by seq) as has_gap
        from event_rows where wallet_id = s.wallet_id
      ) as r) as told
    left join event_rows last_event on last_event.wallet_id = s.wallet_id
      and last_event.seq = w.seq and last_event.currency = s.currency
    join totals t on t.account_id = s.account_id
    left join chain c on c.account_id = s.account_id
    left join entries newest on newest.account_id = s.account_id and newest.version = s.version
    where s.account_id = any (v_accounts)
  ), problem as materialized (
    select w.user_id, w.currency, found.problem, w.balance as snapshot_balance,
      w.total as calculated_balance, found.version::text as at
    from wallet w
    cross join lateral (values
      ('an entry is missing before this one', w.hole, w.hole is not null),
      ('an entry does not begin where the one before ended', w.misfit, w.misfit is not null),
      ('an entry does not carry the hash that its content asks for', w.broken, w.broken is not null),
      ('an entry is dated before the one before, and no step of the clock is noted', w.early, w.early is not null),
      ('an entry has a house account of another tenant or currency', w.stray, w.stray is not null),
      ('the side of an entry and its balances disagree', w.crossed, w.crossed is not null),
      ('the snapshot differs from the sum of entries', null, w.balance <> w.total),
      ('the snapshot differs from the last entry', w.version, w.version <> w.entries
        or w.balance <> coalesce(w.new_balance, 0) or w.hash <> coalesce(w.newest_hash, '')),
      ('the snapshot names house accounts of another tenant or currency', null,
        w.houses is distinct from array['adjustments', 'cash', 'revenue', 'transit']),
      ('what is held differs from the open holds and withdrawals', null, w.held <> w.promised),
      ('an event is missing', null, w.has_gap),
      ('the newest event is not the one that the wallet counts', w.last_seq, w.last_seq <> w.seq),
      ('the newest event tells another balance than the snapshot', w.seq, w.told_balance <> w.balance)
    ) as found (problem, version, is_so)
    where found.is_so
    union all
    select w.user_id, w.currency, x.problem, null, null, x.at
    from (select t.* from unsound u cross join lateral audit_transactions(u.accounts) as t
      union all select p.* from unsound u cross join lateral audit_splits(u.accounts) as p
      union all select * from audit_decisions(v_accounts)
      union all select * from audit_transfers(v_accounts)
      union all select * from audit_shares(v_accounts)
      union all select * from audit_freezes(v_accounts)
      union all select * from audit_wallet_days(v_accounts)) as x
    join wallet w on w.account_id = x.account_id
  )
  select (select count(*) from wallet), (select count(distinct (user_id, currency)) from problem),
    (select sum(w.entries) from wallet w),
    (select json_agg(l) from (
      select w.currency, sum(w.debits)::text as debits, sum(w.credits)::text as credits
      from wallet w group by 1 order by 1) as l),
    (select json_agg(p) from (select * from problem order by user_id, currency, at limit 1000) p)
  into total, inaccurate, entries, ledger, discrepancies;
  if cardinality(v_accounts) = p_limit then
    next := v_accounts[p_limit];
  end if;
  return next;
end
$$;
