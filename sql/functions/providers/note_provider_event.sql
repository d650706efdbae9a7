-- Notes what became of an event, and returns the rows of ledger_apply() that it led to.
create or replace function note_provider_event(
  event provider_events, p_outcome text, p_reason text, step provider_step default null
) returns jsonb language plpgsql security definer set search_path = public, pg_temp as $$
begin
  update provider_events
  set outcome = p_outcome::provider_outcome, reason = p_reason, tenant = event.tenant, topup_id = event.topup_id,
    user_id = event.user_id, transaction_id = step.transaction_id, taken = coalesce(step.taken, 0)
  where provider = event.provider and event_id = event.event_id;
  if not found then
    perform miscounted('provider_events', 1, 0);
  end if;
  return coalesce(step.applied, '[]');
end
$$;
