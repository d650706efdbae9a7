-- Ends a dispute. If it was won, the user gets back what its opening took, and p_collected, which was collected of its
-- debt. If it was lost, a hold of it becomes an adjustment. The caller holds the wallet's lock.
create or replace function end_dispute(
  event provider_events, opening provider_events, topup transactions, p_collected bigint
) returns provider_step language plpgsql security definer set search_path = public, pg_temp as $$
declare
  step provider_step;
  ended provider_step;
  v_is_hold constant boolean := exists (
    select from transactions where tenant = topup.tenant and id = opening.transaction_id and type = 'hold');
  v_back bigint := p_collected;
begin
  step.applied := '[]';
  step.taken := 0;
  if v_is_hold then
    step := provider_command(event, topup, jsonb_build_object(
      'op', 'hold_void', 'transaction_id', opening.transaction_id));
    -- Somebody else has ended the hold, so an admin has to find out what is left to do.
    if step.refusal is not null then
      return step;
    elsif event.kind = 'dispute_lost' then
      ended := take_back(event, topup, opening.taken, 'adjustment', 'dispute');
    end if;
  elsif event.kind = 'dispute_won' then
    v_back := v_back + opening.taken;
  end if;
  if event.kind = 'dispute_won' and v_back > 0 then
    ended := provider_command(event, topup, jsonb_build_object(
      'op', 'adjustment', 'user_id', topup.user_id, 'currency', topup.currency, 'amount', v_back,
      'description', 'The dispute was won.', 'reference_type', 'topup', 'reference_id', topup.id));
  end if;
  if ended.applied is not null then
    ended.applied := step.applied || ended.applied;
    return ended;
  end if;
  return step;
end
$$;
