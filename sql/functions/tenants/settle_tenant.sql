-- Notes that a tenant lives in this database, or in another one. False if it cannot: its wallets are here, or it lives
-- elsewhere already. Repeating a call changes nothing.
create or replace function settle_tenant(p_tenant text, p_here boolean) returns boolean
language plpgsql security definer
set search_path = public, pg_temp set lock_timeout = '500ms' as $$
begin
  if exists (select from tenant_homes where tenant = p_tenant) then
    return exists (select from tenant_homes where tenant = p_tenant and here = p_here);
  end if;
  -- Waits for commands under way, so that no wallet appears meanwhile. They wait for it too, so it gives up soon.
  lock table wallets in share row exclusive mode;
  if not p_here and exists (select from wallets where tenant = p_tenant) then
    return false;
  end if;
  insert into tenant_homes (tenant, here) values (p_tenant, p_here) on conflict do nothing;
  return exists (select from tenant_homes where tenant = p_tenant and here = p_here);
end
$$;
