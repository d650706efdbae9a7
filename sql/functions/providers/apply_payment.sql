-- Applies the success of a payment: it settles the topup by the command that an admin's approval uses, if the money
-- is what was asked for. Otherwise an admin decides, and the topup says so in `metadata.paymentProblem`. The caller
-- holds the wallet's lock.
create or replace function apply_payment(event provider_events, payment provider_payments, topup transactions)
returns jsonb language plpgsql security definer set search_path = public, pg_temp as $$
declare
  step provider_step;
  v_problem text;
begin
  if payment.credited then
    return note_provider_event(event, 'ignored', 'already_credited');
  elsif exists (select from provider_events as e
      where e.provider = event.provider and e.payment_id = event.payment_id and e.kind = 'succeeded'
        and e.outcome in ('waiting', 'resolved')) then
    return note_provider_event(event, 'ignored', 'already_waiting');
  end if;
  v_problem := case
    when topup.status <> 'pending' then 'topup_' || topup.status
    when event.currency is distinct from topup.currency then 'currency_mismatch'
    when event.amount is distinct from topup.amount then 'amount_mismatch' end;
  if v_problem is null then
    step := provider_command(event, topup, jsonb_build_object('op', 'topup_process', 'status', 'success'));
    v_problem := step.refusal;
  end if;
  if v_problem is null then
    update provider_payments set credited = true
    where provider = payment.provider and payment_id = payment.payment_id;
    return note_provider_event(event, 'applied', null, step);
  end if;
  if topup.status = 'pending' then
    step := provider_command(event, topup, jsonb_build_object(
      'op', 'topup_note', 'metadata', jsonb_build_object('paymentProblem', v_problem)));
  end if;
  return note_provider_event(event, 'waiting', v_problem, step);
end
$$;
