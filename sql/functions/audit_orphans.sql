-- Entries and transactions of wallets that do not exist, one of each such wallet. Goes from one wallet to
-- the next by the index, so its cost is by wallets, not by entries.
create or replace function audit_orphans() returns table (problem text, at text)
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
  )
  select 'an entry belongs to no wallet',
    (select e.transaction_id::text from entries e where e.account_id = a.id limit 1)
  from account a
  where a.id is not null and not exists (select from balance_snapshots s where s.account_id = a.id)
  union all
  select 'a transaction belongs to no wallet',
    (select t.id::text from transactions t where t.wallet_id = w.id limit 1)
  from wallet w
  where w.id is not null and not exists (select from wallets x where x.id = w.id)
$$;
