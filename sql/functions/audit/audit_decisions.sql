-- Finds decisions about money of some wallet accounts without a deed. What an admin or a service decided must have one:
-- audit_deeds() checks the deeds themselves. A provider decides nothing.
create or replace function audit_decisions(p_accounts bigint[])
returns table (account_id bigint, problem text, at text)
language sql stable security definer
set search_path = public, pg_temp set work_mem = '64MB' set enable_seqscan = off set jit = off as $$
  select s.account_id, 'a decision about money is not among the deeds', t.id::text
  from balance_snapshots s
  join transactions t on t.wallet_id = s.wallet_id and t.currency = s.currency
  cross join lateral (values
    (case when t.type in ('admin_adjustment', 'refund') then t.created_by else t.approved_by end,
      case t.type when 'admin_adjustment' then 'adjustment' when 'refund' then 'refund' else t.type || '_process' end),
    (case when t.status in ('success', 'failed') and (t.type in ('topup', 'withdrawal') or t.approved_by is not null)
        then t.processed_by end,
      case t.type when 'admin_adjustment' then 'adjustment_process' else t.type || '_process' end)
  ) as decided (actor, deed)
  where s.account_id = any (p_accounts) and t.type in ('admin_adjustment', 'refund', 'topup', 'withdrawal')
    and decided.actor not like 'provider:%'
    and t.updated_at >= (select deeds_since from meta)
    and not exists (
      select from deeds d
      where d.tenant = t.tenant and d.target = case decided.deed when 'refund' then t.reference_id else t.id::text end
        and d.deed = decided.deed::deed_name and d.actor = decided.actor and d.result = 'done'
        and (decided.deed <> 'refund' or d.details -> 'after' ->> 'transactionId' = t.id::text))
$$;
