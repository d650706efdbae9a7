-- Removes a device that its push service does not know any more.
create or replace function push_forget(p_device_id uuid) returns void
language sql security definer set search_path = public, pg_temp as $$
  delete from push_devices where id = p_device_id
$$;
