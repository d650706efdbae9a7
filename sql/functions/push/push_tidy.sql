-- Deletes pages that are closed and push services without a device. Adds those of devices that were registered meanwhile.
-- Puts right the attempts that a wrong clock has planned for later than p_latest from now.
create or replace function push_tidy(p_latest interval) returns void
language sql security definer set search_path = public, pg_temp as $$
  delete from push_visible where until < ledger_clock();
  delete from push_services s where not exists (select from push_devices d where d.service = s.service);
  insert into push_services (service) select distinct service from push_devices on conflict do nothing;
  update push_devices set next_attempt_at = ledger_clock() where next_attempt_at > ledger_clock() + p_latest;
$$;
