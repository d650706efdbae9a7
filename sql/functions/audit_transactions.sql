-- The transactions of some wallet accounts whose status and postings disagree: one that succeeded has
-- one entry, of its amount and balances; any other has none; every entry has its transaction; what is
-- marked as refunded is the sum of the refunds.
create or replace function audit_transactions(p_accounts bigint[])
returns table (account_id bigint, problem text, at text)
language sql stable security definer
set search_path = public, pg_temp set work_mem = '64MB' set enable_seqscan = off set jit = off as $$
  with opened as materialized (
    select s.account_id, t.id, t.tenant = s.tenant and t.user_id = s.user_id as own, t.type, t.amount,
      t.status, t.previous_balance, t.new_balance, t.refunded, t.reference_id
    from balance_snapshots s
    join transactions t on t.wallet_id = s.wallet_id and t.currency = s.currency
    where s.account_id = any (p_accounts)
  ), posted as (
    select e.account_id, e.transaction_id as id, count(*) as entries,
      sum(e.new_balance - e.previous_balance) as total, min(e.previous_balance) as previous_balance
    from entries e where e.account_id = any (p_accounts)
    group by 1, 2
  ), refunds as (
    select account_id, reference_id, sum(amount) as total
    from opened where type = 'refund' and status = 'success'
    group by 1, 2
  ), found as (
    select coalesce(t.account_id, p.account_id) as account_id, coalesce(t.id, p.id) as id, case
        when t.id is null then 'an entry has no transaction'
        when not t.own then 'a transaction names another user than its wallet'
        when t.status = 'success' and p.entries is null then 'a transaction succeeded without an entry'
        when t.status <> 'success' and p.entries > 0 then
          'a transaction that did not succeed has an entry'
        when t.status = 'success' and (p.entries <> 1 or p.total <> t.amount
            or t.previous_balance is distinct from p.previous_balance
            or t.new_balance is distinct from p.previous_balance + p.total) then
          'a transaction and its entry differ in amount'
      end as problem
    from opened t
    full join posted p on p.id = t.id and p.account_id = t.account_id
  )
  select account_id, problem, id::text from found where problem is not null
  union all
  select t.account_id, 'what is marked as refunded is not the sum of the refunds', t.id::text
  from (select * from opened where refunded <> 0
    or id::text in (select reference_id from refunds)) t
  left join refunds r on r.account_id = t.account_id and r.reference_id = t.id::text
  where t.refunded <> coalesce(r.total, 0)
$$;
