-- The whole audit of a tenant, for use at a prompt: select * from audit('default'). The last row is about the ledger
-- as a whole. The server runs the same steps one by one, so that no step keeps its database snapshot open for long.
create or replace function audit(p_tenant text, p_step integer default 500)
returns table (total bigint, inaccurate bigint, entries bigint, ledger json, discrepancies json)
language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
  v_next bigint := 0;
begin
  while v_next is not null loop
    select s.total, s.inaccurate, s.entries, s.ledger, s.discrepancies, s.next
    into total, inaccurate, entries, ledger, discrepancies, v_next
    from audit_wallets(p_tenant, v_next, p_step) as s;
    return next;
  end loop;
  select 0, 0, 0, null, json_agg(p) into total, inaccurate, entries, ledger, discrepancies
  from (
    select o.problem, null as currency, o.at from audit_orphans(p_tenant) as o
    union all
    select l.problem, l.currency, l.at from audit_ledger(p_tenant) as l
    union all
    select r.problem, r.currency, r.at from audit_rollups(p_tenant) as r
    union all
    select d.problem, null, d.at from audit_deeds(p_tenant, 0, 2147483647) as d
  ) as p;
  return next;
end
$$;
