-- The part of a tenant's audit that concerns the ledger as a whole, as of one instant. In each currency `transit`,
-- through which transfers go, must be zero. The triggers that keep entries and deeds from being changed must be on.
create or replace function audit_ledger(p_tenant text)
returns table (problem text, currency text, at text)
language plpgsql stable security definer set search_path = public, pg_temp set jit = off as $$
#variable_conflict use_column
declare
  v_transits constant bigint[] := array(
    select id from accounts where tenant = p_tenant and kind = 'transit' and wallet_id is null);
begin
  return query
    select 'transit does not come to zero', a.currency, null::text
    from (
      -- This scans every entry. An index by house account would slow down each payment.
      select e.debit_account, e.credit_account, e.amount from entries e
      where e.debit_account = any (v_transits) or e.credit_account = any (v_transits)
    ) as e
    join accounts a on a.id = any (v_transits) and a.id in (e.debit_account, e.credit_account)
    group by a.currency
    having sum(case a.id when e.credit_account then e.amount else -e.amount end) <> 0
    order by a.currency;
  return query
    select needed.name || ' can be changed: a trigger that refuses it is off or missing', null::text,
      needed.name || needed.guard
    from (values ('entries'), ('deeds'), ('deed_seals')) as tables (name)
    cross join lateral (values (tables.name, '_append_only'), (tables.name, '_no_truncate')) as needed (name, guard)
    where not exists (
      select from pg_trigger t
      where t.tgrelid = needed.name::regclass and t.tgname = needed.name || needed.guard and t.tgenabled in ('O', 'A'))
    order by 3;
end
$$;
