-- Takes over the auto top-ups whose charge has had no answer for p_after, and returns them to be charged again, with
-- the same key. Without a method nobody may charge any more: the user had it forgotten, and 12 hours later, in which the
-- provider might have reported a success, the topup is to be ended. Nothing is charged for a suspended tenant.
create or replace function retry_auto_topups(p_after interval, p_limit integer)
returns table (topup jsonb, method jsonb, opened_at timestamptz)
language sql security definer set search_path = public, pg_temp as $$
  with taken as (
    update auto_topup_runs
    set tried_at = case when tried_at = 'infinity' then tried_at else ledger_clock() end
    where (tenant, topup_id) in (
      select tenant, topup_id from auto_topup_runs
      where ended_at is null and payment_id is null and not is_suspended(tenant)
        and (tried_at < ledger_clock() - p_after
          or (tried_at = 'infinity' and opened_at < ledger_clock() - interval '12 hours'))
      order by tried_at limit p_limit for update skip locked)
    returning tenant, topup_id, wallet_id, opened_at, tried_at
  )
  select to_jsonb(t), to_jsonb(m), taken.opened_at
  from taken
  join transactions as t on t.tenant = taken.tenant and t.id = taken.topup_id
  left join saved_methods as m on m.wallet_id = taken.wallet_id and taken.tried_at <> 'infinity'
  where t.status = 'pending'
$$;
