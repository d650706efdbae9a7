-- Decides a capture. One that is not final is only counted: the money stays held, and the entry is written at the end.
-- Without an amount it takes the rest of the hold. A capture above the rest is refused, or takes the missing amount from
-- the available balance, if the hold was opened so.
create or replace function decide_capture(command ledger_command, account account_state, txn transactions)
returns decision language plpgsql immutable as $$
declare
  v_held constant bigint := abs(txn.amount);
  v_captured constant bigint := coalesce((txn.hold_state).captured, 0);
  v_left constant bigint := v_held - v_captured;
  v_amount constant bigint := coalesce(command.amount, v_left);
  v_most constant bigint := v_left + case (txn.hold_state).overage
    when 'balance' then greatest(account.balance - account.held, 0) else 0 end;
  v_is_final constant boolean := coalesce(command.final, true);
begin
  if command.amount <= 0 then
    return refuse('invalid_amount');
  elsif v_amount > v_most or (v_amount = 0 and not v_is_final) then
    return refuse('capture_exceeds_hold', jsonb_build_object(
      'currency', txn.currency, 'maximum', v_most, 'heldAmount', v_held, 'capturedAmount', v_captured));
  elsif v_is_final then
    return accept('hold', -(v_captured + v_amount), 'success', -(v_captured + v_amount), -v_held);
  end if;
  return accept('hold', -greatest(v_held, v_captured + v_amount), 'pending', 0, greatest(v_amount - v_left, 0));
end
$$;
