-- Removes the user's device with this id or this address. Returns how many.
create or replace function push_remove(p_tenant text, p_user_id text, p_id uuid, p_address text) returns integer
language sql security definer set search_path = public, pg_temp as $$
  with removed as (
    delete from push_devices
    where wallet_id = wallet_of(p_tenant, p_user_id) and (id = p_id or address = p_address)
    returning 1)
  select count(*)::integer from removed
$$;
