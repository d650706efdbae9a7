-- Notes that an admin has dealt with an event. Returns it, or no row if no such event waits, or if it is about a topup of
-- their own.
create or replace function resolve_provider_event(p_tenant text, p_id uuid, p_by text, p_resolution text)
returns setof provider_events language sql security definer set search_path = public, pg_temp as $$
  update provider_events
  set outcome = 'resolved', resolved_by = p_by, resolution = p_resolution, resolved_at = ledger_clock()
  where tenant = p_tenant and id = p_id and outcome = 'waiting' and user_id is distinct from p_by
  returning *
$$;
