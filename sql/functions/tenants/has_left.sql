-- Whether a tenant lives in another database, or is on its way there. Nothing of it is sent, charged or ended here.
create or replace function has_left(p_tenant text) returns boolean
language sql stable security definer set search_path = public, pg_temp as $$
  select exists (select from tenant_homes where tenant = p_tenant and not here)
    or exists (select from tenant_moves where tenant = p_tenant and direction = 'away')
$$;
