-- Finds wallets, of some wallet accounts, whose freeze did not hold. These rules must hold, as far as events are kept:
-- - While a wallet is frozen for debits, no money leaves it; for credits, none comes to it. Adjustments may, and a hold
--   whose captures were taken before the freeze is charged when it ends.
-- - A frozen wallet is watched. Otherwise ledger_apply() would not look for the freeze.
create or replace function audit_freezes(p_accounts bigint[])
returns table (account_id bigint, problem text, at text)
language sql stable security definer
set search_path = public, pg_temp set enable_seqscan = off set jit = off as $$
  with frozen as materialized (
    select s.account_id, s.currency, f.*,
      lead(f.seq) over (partition by s.account_id order by f.seq) as until
    from balance_snapshots s join freezes f on f.wallet_id = s.wallet_id
    where s.account_id = any (p_accounts)
  )
  select f.account_id, 'money moved while the wallet was frozen',
    (e.seq - cardinality(e.events) + array_position(e.events, 'balance_updated'))::text
  from frozen f
  join event_rows e on e.wallet_id = f.wallet_id and e.seq > f.seq and e.seq < coalesce(f.until, 9223372036854775807)
  where 'balance_updated' = any (e.events) and e.currency = f.currency and e.transaction_type <> 'admin_adjustment'
    and ((f.debits and e.amount < 0 and e.transaction_type <> 'hold') or (f.credits and e.amount > 0))
  union all
  select f.account_id, 'a frozen wallet is not watched', f.seq::text
  from frozen f join wallets w on w.id = f.wallet_id
  where f.until is null and (f.debits or f.credits) and not w.watched
$$;
