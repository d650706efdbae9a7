-- All debits and all credits of a tenant by currency, each summed over the accounts that the entries
-- name: an entry that names an account which is not there, or another tenant's, or in another
-- currency, leaves them unequal.
create or replace function audit_ledger(p_tenant text)
returns table (currency text, debits bigint, credits bigint, entries bigint)
language sql stable set work_mem = '64MB' as $$
  select w.currency,
    sum(e.amount) filter (where d.id is not null)::bigint,
    sum(e.amount) filter (where c.id is not null)::bigint,
    count(*)
  from entries e
  join accounts w on w.id = e.account_id and w.tenant = p_tenant
  left join accounts d on d.id = e.debit_account and d.tenant = w.tenant and d.currency = w.currency
  left join accounts c on c.id = e.credit_account and c.tenant = w.tenant and c.currency = w.currency
  group by 1
  order by 1
$$;
