-- The transactions of a tenant whose status and postings disagree: one that succeeded has one entry, of
-- its amount; any other has none; every entry has its transaction; what is marked as refunded is the
-- sum of the refunds.
create or replace function audit_transactions(p_tenant text)
returns table (user_id text, currency text, problem text, at text)
language sql stable set work_mem = '64MB' as $$
  with posted as (
    select e.transaction_id, min(e.account_id) as account_id, count(*) as entries,
      sum(case e.account_id when e.credit_account then e.amount else -e.amount end) as total
    from entries e
    where e.account_id in (select id from accounts where tenant = p_tenant and kind = 'wallet')
    group by 1
  ), refunds as (
    select reference_id, sum(amount) as total
    from transactions where tenant = p_tenant and type = 'refund' and status = 'success'
    group by 1
  )
  select coalesce(t.user_id, s.user_id), coalesce(t.currency, s.currency), case
      when t.id is null then 'an entry has no transaction'
      when t.status = 'success' and p.entries is null then 'a transaction succeeded without an entry'
      when t.status <> 'success' and p.entries > 0 then 'a transaction that did not succeed has an entry'
      when t.status = 'success' then 'a transaction and its entry differ in amount'
    end, coalesce(t.id, p.transaction_id)::text
  from (select * from transactions where tenant = p_tenant) t
  full join posted p on p.transaction_id = t.id
  left join balance_snapshots s on s.account_id = p.account_id
  where t.id is null
    or (t.status = 'success' and (p.entries is distinct from 1 or p.total <> t.amount))
    or (t.status <> 'success' and p.entries > 0)
  union all
  select t.user_id, t.currency, 'what is marked as refunded is not the sum of the refunds', t.id::text
  from transactions t left join refunds r on r.reference_id = t.id::text
  where t.tenant = p_tenant and t.refunded <> coalesce(r.total, 0)
$$;
