-- The whole audit of a tenant, as of one instant (a stable function's statements share a snapshot):
-- Node is told the first p_most discrepancies and the counts, however large the ledger is.
create or replace function audit(p_tenant text, p_most integer default 1000)
returns json language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
  v_total bigint;
  v_wrong bigint;
  v_found json;
  v_ledger json;
  v_entries bigint;
begin
  select count(*) into v_total from balance_snapshots where tenant = p_tenant;
  select json_agg(l), sum(l.entries) into v_ledger, v_entries from audit_ledger(p_tenant) l;
  with problem as (
    select user_id, currency, problem, snapshot_balance, calculated_balance, at
    from audit_wallets(p_tenant)
    union all
    select user_id, currency, problem, null, null, at from audit_transactions(p_tenant)
    union all
    select null, currency, 'debits and credits differ', null, null, null
    from json_to_recordset(v_ledger) as l (currency text, debits bigint, credits bigint)
    where l.debits is distinct from l.credits
  )
  select (select count(distinct (user_id, currency)) from problem where user_id is not null),
    (select json_agg(p) from (select * from problem order by user_id, currency, at limit p_most) p)
  into v_wrong, v_found;
  return json_build_object('total', v_total, 'inaccurate', v_wrong, 'entries', coalesce(v_entries, 0),
    'ledger', coalesce(v_ledger, '[]'), 'discrepancies', coalesce(v_found, '[]'));
end
$$;
