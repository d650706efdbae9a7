-- Runs one command in the provider's name: on the topup, or on p_command's own transaction. Fields of p_command win.
create or replace function provider_command(event provider_events, topup transactions, p_command jsonb)
returns provider_step language plpgsql security definer set search_path = public, pg_temp as $$
declare
  applied record;
  result ledger_result;
  step provider_step;
begin
  select * into applied from ledger_apply(json_build_array(jsonb_build_object(
    'tenant', topup.tenant, 'actor', 'provider:' || event.provider, 'role', 'provider') || case
      when p_command ? 'user_id' or p_command ? 'transaction_id' then '{}'
      else jsonb_build_object('transaction_id', topup.id) end || p_command));
  result := json_populate_record(null::ledger_result, applied.results -> 0);
  step.refusal := result.refusal;
  step.transaction_id := applied.changes -> result.change -> 'transaction' ->> 'id';
  step.taken := 0;
  step.applied := jsonb_build_array(jsonb_build_object('changes', applied.changes, 'outbox_id', applied.outbox_id::text));
  return step;
end
$$;
