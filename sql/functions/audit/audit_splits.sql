-- Finds split payments, and refunds of such, of some wallet accounts that contradict their entries or their payees'
-- transactions. These rules must hold:
-- - The parts are the whole. Its entries are one to transit, for all payees, and one to each fee account.
-- - Each payee's part is a transaction of theirs, with that amount.
-- - What the parts gave back is what the payment gave back.
create or replace function audit_splits(p_accounts bigint[])
returns table (account_id bigint, problem text, at text)
language sql stable security definer
set search_path = public, pg_temp set work_mem = '64MB' set enable_seqscan = off set jit = off as $$
  with paid as materialized (
    select s.account_id, s.transit, t.id, t.tenant, t.currency, t.type, t.amount, t.refunded, t.split
    from balance_snapshots s
    join transactions t on t.wallet_id = s.wallet_id and t.currency = s.currency
    where s.account_id = any (p_accounts) and t.split is not null and t.status = 'success'
  ), part as materialized (
    select paid.*, p.part, (p.part ->> 'amount')::bigint as of_part,
      case when p.part ? 'to' then paid.transit else (
        select a.id from accounts a
        where a.id = (p.part ->> 'account')::bigint and a.kind = 'fee:' || (p.part ->> 'fee')
          and a.tenant = paid.tenant and a.currency = paid.currency) end as house
    from paid cross join lateral jsonb_array_elements(paid.split) as p (part)
  ), expected as (
    select account_id, id, house, (sign(min(amount)) * sum(of_part))::bigint as total from part group by 1, 2, 3
  ), posted as (
    select e.account_id, e.transaction_id as id,
      case e.account_id when e.credit_account then e.debit_account else e.credit_account end as house,
      sum(e.new_balance - e.previous_balance)::bigint as total, count(*) as entries
    from entries e join paid on paid.account_id = e.account_id and paid.id = e.transaction_id
    where e.account_id = any (p_accounts)
    group by 1, 2, 3
  )
  select account_id, 'the parts of a split payment are not the whole', id::text
  from part group by account_id, id having sum(of_part) <> abs(min(amount))
  union all
  select distinct coalesce(x.account_id, p.account_id), 'the entries of a split payment are not its parts',
    coalesce(x.id, p.id)::text
  from expected x
  full join posted p on p.account_id = x.account_id and p.id = x.id and p.house = x.house
  where (x.total = p.total and p.entries = 1) is not true
  union all
  select account_id, 'a part of a split payment is not what its payee got', id::text
  from part
  where part.part ? 'to' and not exists (
    select from transactions o
    where o.tenant = part.tenant and o.id = (part.part ->> 'transactionId')::uuid
      and o.type = 'split' and o.status = 'success' and o.currency = part.currency
      and o.wallet_id = (part.part ->> 'wallet')::bigint and o.user_id = part.part ->> 'to'
      and o.amount = -sign(part.amount) * part.of_part and o.reference_id = part.id::text)
  union all
  select account_id, 'what the parts of a split payment gave back is not what it gave back', id::text
  from part where type <> 'refund'
  group by account_id, id having sum(coalesce((part ->> 'refunded')::bigint, 0)) <> min(refunded)
$$;
