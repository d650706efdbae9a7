-- Whether nothing is sent to a tenant from here: nobody of it is let in, or it moves to another database.
create or replace function is_suspended(p_tenant text) returns boolean
language sql stable as $$
  select exists (select from tenants where tenant = p_tenant and suspended_at is not null) or has_left(p_tenant)
$$;
