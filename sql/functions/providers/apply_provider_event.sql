-- Applies a recorded event of a payment provider, and notes what became of it. The caller holds the payment's lock.
-- Returns the rows of ledger_apply().
create or replace function apply_provider_event(p_provider text, p_event_id text, p_rules json) returns jsonb
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  event provider_events;
  payment provider_payments;
  topup transactions;
  opening provider_events;
  debt debts;
  step provider_step;
  v_amount bigint;
begin
  select * into event from provider_events where provider = p_provider and event_id = p_event_id;
  -- Only payments and charges carry the topup's id. A dispute names its payment.
  if event.topup_id is null then
    select p.tenant, p.topup_id into event.tenant, event.topup_id
    from provider_payments as p where p.provider = event.provider and p.payment_id = event.payment_id;
    if event.topup_id is null then
      return note_provider_event(event, 'parked', 'payment_unknown');
    end if;
  end if;
  select * into topup from transactions where tenant = event.tenant and id = event.topup_id and type = 'topup';
  if topup.id is null then
    return note_provider_event(event,
      case when event.kind in ('failed', 'attempt_failed') then 'ignored' else 'waiting' end, 'topup_unknown');
  end if;
  event.user_id := topup.user_id;
  insert into provider_payments (provider, payment_id, tenant, topup_id)
  values (event.provider, event.payment_id, event.tenant, event.topup_id) on conflict do nothing;
  select * into payment from provider_payments where provider = event.provider and payment_id = event.payment_id;
  if (payment.tenant, payment.topup_id) <> (event.tenant, event.topup_id) then
    return note_provider_event(event, 'waiting', 'payment_of_other_topup');
  end if;
  -- Read again under the lock that every change of the topup and the balance takes.
  perform from wallets where id = topup.wallet_id for update;
  select * into topup from transactions where tenant = event.tenant and id = event.topup_id;

  if event.kind = 'succeeded' then
    return apply_payment(event, payment, topup);
  elsif event.kind = 'failed' or (event.kind = 'attempt_failed' and exists (
      -- Nobody is there to try another card.
      select from auto_topup_runs where tenant = event.tenant and topup_id = event.topup_id)) then
    if topup.status <> 'pending' then
      return note_provider_event(event, 'ignored', 'topup_' || topup.status);
    end if;
    step := provider_command(event, topup, jsonb_build_object('op', 'topup_process', 'status', 'failed'));
    return note_provider_event(event, 'applied', event.detail, step);
  elsif event.kind = 'attempt_failed' then
    -- The user may still try another card.
    return note_provider_event(event, 'ignored', 'can_be_tried_again');
  elsif not payment.credited then
    return note_provider_event(event, case when topup.status = 'pending' and not exists (
        select from provider_events as e
        where e.provider = event.provider and e.payment_id = event.payment_id and e.kind = 'succeeded')
      then 'parked' else 'waiting' end, 'not_credited');
  elsif event.kind = 'refund_failed' then
    -- The provider has given less back, so another refund counts. An admin decides about what this one took.
    if event.currency = topup.currency then
      update provider_payments set refunded = greatest(refunded - coalesce(event.amount, 0), 0)
      where provider = event.provider and payment_id = event.payment_id;
    end if;
    return note_provider_event(event, 'waiting', 'refund_failed');
  elsif event.kind = 'disputed' and exists (
      -- A provider may report one dispute in two events, each with an id of its own.
      select from provider_events as e
      where e.provider = event.provider and e.dispute_id = event.dispute_id and e.payment_id = event.payment_id
        and e.kind = 'disputed' and e.event_id <> event.event_id
        and e.outcome in ('applied', 'waiting', 'resolved')) then
    return note_provider_event(event, 'ignored', 'already_disputed');
  elsif event.kind in ('refunded', 'disputed') then
    v_amount := event.amount - case when event.is_total then payment.refunded else 0 end;
    if event.currency is distinct from topup.currency then
      return note_provider_event(event, 'waiting', 'currency_mismatch');
    elsif v_amount is null then
      return note_provider_event(event, 'waiting', 'amount_mismatch');
    elsif v_amount <= 0 and event.is_total and exists (
        -- It may tell of money that came back since, or of a refund after that.
        select from provider_events as e
        where e.provider = event.provider and e.payment_id = event.payment_id and e.kind = 'refund_failed') then
      return note_provider_event(event, 'waiting', 'refund_failed');
    elsif v_amount <= 0 then
      return note_provider_event(event, 'ignored', 'already_refunded');
    elsif event.kind = 'refunded' and payment.refunded + v_amount > topup.amount then
      return note_provider_event(event, 'waiting', 'refund_exceeds_payment');
    end if;
    if event.kind = 'refunded' then
      update provider_payments set refunded = refunded + v_amount
      where provider = event.provider and payment_id = event.payment_id;
      step := take_back(event, topup, v_amount, p_rules ->> 'refunds', 'refund');
    else
      step := take_back(event, topup, v_amount, p_rules ->> 'disputes', 'dispute');
    end if;
    return note_provider_event(event, 'applied', step.refusal, step);
  end if;

  -- The end of a dispute. One of another payment with the same id, maybe of another tenant, is another dispute.
  select * into opening from provider_events as e
  where e.provider = event.provider and e.dispute_id = event.dispute_id and e.payment_id = event.payment_id
    and e.kind = 'disputed'
  order by e.outcome = 'applied' desc, e.id limit 1;
  if opening.event_id is null then
    return note_provider_event(event, 'parked', 'dispute_unknown');
  elsif opening.outcome <> 'applied' then
    return note_provider_event(event, 'waiting', 'dispute_' || opening.outcome);
  elsif exists (select from provider_events as e
      where e.provider = event.provider and e.dispute_id = event.dispute_id and e.payment_id = event.payment_id
        and e.outcome = 'applied' and e.kind in ('dispute_won', 'dispute_lost')) then
    return note_provider_event(event, 'ignored', 'already_closed');
  end if;
  if event.kind = 'dispute_won' then
    update debts set status = 'cancelled', closed_by = 'provider:' || event.provider, closed_at = ledger_clock()
    where id = opening.id and status in ('open', 'collected');
    -- What was collected goes back, also if the rest was written off.
    select * into debt from debts where id = opening.id;
  end if;
  step := end_dispute(event, opening, topup, coalesce(debt.collected, 0));
  return note_provider_event(event,
    case when coalesce(step.refusal, 'insufficient_funds') = 'insufficient_funds' then 'applied' else 'waiting' end,
    step.refusal, step);
end
$$;
