-- Finds entries and transactions whose wallet does not exist, one for each such wallet. A transaction belongs to the
-- tenant that it names, an entry to the tenant of its accounts. If none of its accounts exists, every tenant is told.
-- The search jumps from wallet to wallet by index, so its cost depends on the number of wallets, not of entries.
create or replace function audit_orphans(p_tenant text) returns table (problem text, at text)
language sql stable security definer
set search_path = public, pg_temp set enable_seqscan = off set jit = off as $$
  with recursive account as (
    select min(account_id) as id from entries
    union all
    select (select min(e.account_id) from entries e where e.account_id > a.id)
    from account a where a.id is not null
  ), wallet as (
    select min(wallet_id) as id from transactions
    union all
    select (select min(t.wallet_id) from transactions t where t.wallet_id > w.id)
    from wallet w where w.id is not null
  ), orphaned_account as materialized (
    select a.id from account a
    where a.id is not null and not exists (select from balance_snapshots s where s.account_id = a.id)
  ), orphaned_wallet as materialized (
    select w.id from wallet w
    where w.id is not null and not exists (select from wallets x where x.id = w.id)
  )
  select 'an entry belongs to no wallet', e.transaction_id::text
  from orphaned_account o
  cross join lateral (
    select e.transaction_id, e.debit_account, e.credit_account
    from entries e where e.account_id = o.id limit 1) e
  where (select coalesce(bool_or(a.tenant = p_tenant), true) from accounts a
    where a.id in (o.id, e.debit_account, e.credit_account))
  union all
  select 'a transaction belongs to no wallet', t.id::text
  from orphaned_wallet o
  cross join lateral (
    select t.id from transactions t where t.wallet_id = o.id and t.tenant = p_tenant limit 1) t
$$;
