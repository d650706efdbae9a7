-- Finds transactions by which wallet accounts got their part of a split payment, or gave it back, that belong to no such
-- payment.
create or replace function audit_shares(p_accounts bigint[])
returns table (account_id bigint, problem text, at text)
language sql stable security definer
set search_path = public, pg_temp set work_mem = '64MB' set enable_seqscan = off set jit = off as $$
  select s.account_id, 'a share belongs to no split payment', t.id::text
  from balance_snapshots s
  join transactions t on t.wallet_id = s.wallet_id and t.currency = s.currency and t.type = 'split'
  where s.account_id = any (p_accounts) and not exists (
    select from transactions o
    where o.tenant = t.tenant and o.status = 'success'
      and o.id = case when t.reference_id ~ '^[0-9a-f-]{36}$' then t.reference_id::uuid end
      and o.split @> jsonb_build_array(jsonb_build_object('transactionId', t.id)))
$$;
