-- Finds transfers of some wallet accounts that have not exactly one other side, in another wallet, that agrees with them.
create or replace function audit_transfers(p_accounts bigint[])
returns table (account_id bigint, problem text, at text)
language sql stable security definer
set search_path = public, pg_temp set work_mem = '64MB' set enable_seqscan = off set jit = off as $$
  select s.account_id, case o.sides when 0 then 'a transfer has no other side'
      else 'the sides of a transfer disagree' end, t.id::text
  from balance_snapshots s
  join transactions t on t.wallet_id = s.wallet_id and t.currency = s.currency
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
  where s.account_id = any (p_accounts) and t.type = 'transfer' and (o.sides <> 1 or not o.agrees)
$$;
