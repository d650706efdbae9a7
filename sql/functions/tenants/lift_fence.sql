-- Removes one trigger that refuses writes of a tenant. Returns whether there was one. Only the owner may call it. One
-- at a time, so that no other transaction waits for several locks.
create or replace function lift_fence(p_tenant text) returns boolean
language plpgsql set search_path = public, pg_temp set lock_timeout = '500ms' as $$
declare
  fence record;
begin
  select tgrelid::regclass as fenced, tgname into fence from pg_trigger
  where tgname in (fence_name(p_tenant, 'delete'), fence_name(p_tenant, '')) and not tgisinternal
  order by 1, 2 limit 1;
  if not found then
    return false;
  end if;
  execute format('drop trigger %I on %s', fence.tgname, fence.fenced);
  return true;
end
$$;
