-- Decides a command about a pending hold. Captures that are not final, and extensions, leave it pending. It ends with
-- a final capture, or when it is released or expires. What was captured until then is charged, and the rest is freed.
create or replace function decide_hold(
  command ledger_command, account account_state, txn transactions, p_now timestamptz
) returns decision language plpgsql stable as $$
declare
  v_held constant bigint := abs(txn.amount);
  v_captured constant bigint := coalesce((txn.hold_state).captured, 0);
begin
  if txn.type <> 'hold' then
    return refuse('wrong_type', jsonb_build_object('type', txn.type));
  elsif txn.status <> 'pending' then
    return refuse('already_processed', jsonb_build_object('status', txn.status));
  -- Only commands of plain users carry user_id. They may not change a hold that a service made.
  elsif command.op in ('hold_capture', 'hold_extend', 'hold_void') and command.user_id is not null
      and txn.created_by <> command.actor then
    return refuse('not_your_hold');
  elsif command.op in ('hold_capture', 'hold_extend') and txn.expires_at <= p_now then
    return refuse('hold_expired');
  elsif command.op = 'hold_capture' then
    return decide_capture(command, account, txn);
  elsif command.op = 'hold_extend' then
    return decide_extension(command, txn);
  -- The time until the end within which the user is warned is a part of the command.
  elsif command.op = 'hold_expiring' and (
      (txn.hold_state).expiring_seq is not null or txn.expires_at <= p_now
      or txn.expires_at > p_now + make_interval(secs => coalesce(command.expires_in, 0))) then
    return refuse('invalid_command', '{"field": "transactionId"}');
  elsif command.op = 'hold_expiring' then
    return accept('hold', txn.amount, 'pending', 0, 0);
  elsif command.op = 'hold_expire' and txn.expires_at > p_now then
    return refuse('invalid_command', '{"field": "transactionId"}');
  elsif v_captured > 0 then
    return accept('hold', -v_captured, 'success', -v_captured, -v_held);
  end if;
  return accept('hold', txn.amount,
    case command.op when 'hold_void' then 'cancelled' else 'expired' end::transaction_status, 0, -v_held);
end
$$;
