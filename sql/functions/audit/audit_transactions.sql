-- Finds transactions of some wallet accounts that contradict their entries. audit_totals() checks the same, faster, but
-- does not say what is wrong. These rules must hold:
-- - A successful transaction has one entry with its amount, its balances and the house account of its type. A split
--   payment has several: audit_splits().
-- - Any other transaction has no entry. Every entry has a transaction.
-- - The amount marked as refunded is the sum of the refunds.
-- - Where two admins had to agree, they are two, and neither is the user.
-- - An open hold has captured no more than it holds. One that ended was charged what it captured.
create or replace function audit_transactions(p_accounts bigint[])
returns table (account_id bigint, problem text, at text)
language sql stable security definer
set search_path = public, pg_temp set work_mem = '64MB' set enable_seqscan = off set jit = off as $$
  with opened as materialized (
    select s.account_id, t.id, t.user_id,
      t.tenant = s.tenant and t.user_id = s.user_id as own, t.type, t.amount, t.status,
      t.previous_balance, t.new_balance, t.refunded, t.reference_id,
      t.approved_by, t.processed_by, t.split, (t.hold_state).captured,
      house_account(t.type, s.cash, s.revenue, s.adjustments, s.transit) as house
    from balance_snapshots s
    join transactions t on t.wallet_id = s.wallet_id and t.currency = s.currency
    where s.account_id = any (p_accounts)
  ), posted as (
    select e.account_id, e.transaction_id as id, count(*) as entries,
      sum(e.new_balance - e.previous_balance) as total,
      -- Of several entries, which all go the same way, the balance before the first.
      case when sum(e.new_balance - e.previous_balance) < 0 then max(e.previous_balance) else min(e.previous_balance) end
        as previous_balance,
      min(case e.account_id when e.credit_account then e.debit_account else e.credit_account end) as house
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
        when t.status = 'success' and ((p.entries <> 1 and t.split is null) or p.total <> t.amount
            or t.previous_balance is distinct from p.previous_balance
            or t.new_balance is distinct from p.previous_balance + p.total) then
          'a transaction and its entry differ in amount'
        when t.status = 'success' and t.approved_by in (t.processed_by, t.user_id) then
          'a transaction that needed two admins has only one'
        when p.house <> t.house and t.split is null then
          'an entry names another house account than its transaction''s type asks for'
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
  union all
  select t.account_id, case t.status
      when 'pending' then 'an open hold has captured more than it holds'
      else 'a hold was not charged what it captured' end, t.id::text
  from opened t
  where t.captured not between case t.status when 'success' then abs(t.amount) else 0 end
    and case when t.status in ('pending', 'success') then abs(t.amount) else 0 end
$$;
