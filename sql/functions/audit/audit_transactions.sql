-- Finds transactions of some wallet accounts that contradict their entries. These rules must hold:
-- - A successful transaction has one entry with its amount, its balances and the house account of its type.
-- - Any other transaction has no entry. Every entry has a transaction.
-- - The amount marked as refunded is the sum of the refunds.
-- - A transfer has exactly one other side, in another wallet, that agrees with it.
create or replace function audit_transactions(p_accounts bigint[])
returns table (account_id bigint, problem text, at text)
language sql stable security definer
set search_path = public, pg_temp set work_mem = '64MB' set enable_seqscan = off set jit = off as $$
  with opened as materialized (
    select s.account_id, t.id, t.tenant, t.wallet_id, t.currency,
      t.user_id,
      t.tenant = s.tenant and t.user_id = s.user_id as own, t.type, t.amount, t.status,
      t.previous_balance, t.new_balance, t.refunded, t.reference_id, t.created_at,
      house_account(t.type, s.cash, s.revenue, s.adjustments, s.transit) as house
    from balance_snapshots s
    join transactions t on t.wallet_id = s.wallet_id and t.currency = s.currency
    where s.account_id = any (p_accounts)
  ), posted as (
    select e.account_id, e.transaction_id as id, count(*) as entries,
      sum(e.new_balance - e.previous_balance) as total, min(e.previous_balance) as previous_balance,
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
        when t.status = 'success' and (p.entries <> 1 or p.total <> t.amount
            or t.previous_balance is distinct from p.previous_balance
            or t.new_balance is distinct from p.previous_balance + p.total) then
          'a transaction and its entry differ in amount'
        when p.house <> t.house then
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
  select t.account_id, case o.sides when 0 then 'a transfer has no other side'
      else 'the sides of a transfer disagree' end, t.id::text
  from opened t
  cross join lateral (
    -- Both sides have the same reference and the same date. So a range of ids finds the other side.
    select count(*) as sides, bool_and(o.type = 'transfer' and o.currency = t.currency
      and o.amount = -t.amount and o.status = t.status and o.wallet_id <> t.wallet_id
      and coalesce(o.metadata ->> case when o.amount < 0 then 'toUserId' else 'fromUserId' end, '')
        = t.user_id) as agrees
    from transactions o
    where o.tenant = t.tenant and o.id >= first_uuid_at(t.created_at)
      and o.id < first_uuid_at(t.created_at + interval '1 microsecond')
      and o.id <> t.id and o.reference_type = 'transfer' and o.reference_id = t.reference_id
  ) as o
  where t.type = 'transfer' and (o.sides <> 1 or not o.agrees)
$$;
