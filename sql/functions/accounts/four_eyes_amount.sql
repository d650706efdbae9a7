-- The amount above which two admins of a tenant must agree. Null: there is none.
create or replace function four_eyes_amount(p_tenant text, p_currency text) returns bigint
language sql stable as $$
  select amount from four_eyes
  where tenant = p_tenant and currency = p_currency and in_force order by id desc limit 1
$$;
