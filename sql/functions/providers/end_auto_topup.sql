-- Ends an auto top-up whose topup is final, or, with a reason, one that was declined: then its topup fails first. If it
-- did not succeed, the rule is paused, and the user is told, unless the method that it charged was forgotten: a rule that
-- is there now has another one. Returns rows like those of ledger_apply().
create or replace function end_auto_topup(p_tenant text, p_topup_id uuid, p_reason text default null) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
declare
  run auto_topup_runs;
  topup transactions;
  event provider_events;
  step provider_step;
  v_applied jsonb := '[]';
  v_reason text;
begin
  select * into run from auto_topup_runs where tenant = p_tenant and topup_id = p_topup_id;
  perform from wallets where id = run.wallet_id for update;
  select * into run from auto_topup_runs where tenant = p_tenant and topup_id = p_topup_id and ended_at is null;
  select * into topup from transactions where tenant = p_tenant and id = p_topup_id;
  if run.topup_id is null or (topup.status = 'pending' and p_reason is null) then
    return v_applied;
  end if;
  if topup.status = 'pending' then
    event.provider := coalesce((select provider from saved_methods where wallet_id = run.wallet_id), 'none');
    step := provider_command(event, topup, jsonb_build_object('op', 'topup_process', 'status', 'failed',
      'metadata', jsonb_build_object('paymentProblem', p_reason)));
    v_applied := step.applied;
    select * into topup from transactions where tenant = p_tenant and id = p_topup_id;
  end if;
  update auto_topup_runs
  set ended_at = ledger_clock(), outcome = case topup.status when 'success' then 'success' else 'failed' end
  where tenant = p_tenant and topup_id = p_topup_id;
  if topup.status = 'success' or run.tried_at = 'infinity' then
    return v_applied;
  end if;
  v_reason := coalesce(p_reason, (
    select e.detail from provider_events as e
    where e.tenant = p_tenant and e.topup_id = p_topup_id and e.detail is not null order by e.id desc limit 1),
    'topup_' || topup.status);
  update auto_topups set status = 'paused', paused_reason = v_reason, updated_at = clock_timestamp()
  where wallet_id = run.wallet_id and currency = run.currency and status = 'active';
  if found then
    v_applied := v_applied || tell_auto_topup_paused(topup, v_reason);
  end if;
  return v_applied;
end
$$;
