-- Decides a command on a pending transaction, which moves once, to a final status. Only a capture may settle less than
-- the requested amount. It frees the rest of the hold.
create or replace function decide_settling(
  command ledger_command, txn transactions, p_now timestamptz
) returns decision language plpgsql immutable as $$
declare
  v_type transaction_type := case command.op
    when 'topup_cancel' then 'topup' when 'topup_process' then 'topup'
    when 'withdrawal_process' then 'withdrawal'
    when 'hold_capture' then 'hold' when 'hold_void' then 'hold' when 'hold_expire' then 'hold' end;
  v_amount bigint := abs(txn.amount);
begin
  if v_type is null then
    return refuse('invalid_command', '{"field": "op"}');
  elsif txn.type <> v_type then
    return refuse('wrong_type', jsonb_build_object('type', txn.type));
  elsif txn.status <> 'pending' then
    return refuse('already_processed', jsonb_build_object('status', txn.status));
  elsif command.op in ('topup_process', 'withdrawal_process') and command.status is distinct from 'success'
      and command.status is distinct from 'failed' then
    return refuse('invalid_command', '{"field": "status"}');
  elsif command.op in ('topup_process', 'withdrawal_process') and command.actor = txn.user_id then
    return refuse('self_approval');
  -- Only commands of plain users carry user_id. They may not end a hold that a service made.
  elsif command.op in ('hold_capture', 'hold_void') and command.user_id is not null
      and txn.created_by <> command.actor then
    return refuse('not_your_hold');
  end if;
  case command.op
    when 'topup_cancel' then
      return accept(txn.type, txn.amount, 'cancelled', 0, 0);
    when 'topup_process' then
      if command.status = 'failed' then
        return accept(txn.type, txn.amount, 'failed', 0, 0);
      end if;
      return accept(txn.type, txn.amount, 'success', v_amount, 0);
    when 'withdrawal_process' then
      if command.status = 'failed' then
        return accept(txn.type, txn.amount, 'failed', 0, -v_amount);
      end if;
      return accept(txn.type, txn.amount, 'success', -v_amount, -v_amount);
    when 'hold_capture' then
      if txn.expires_at <= p_now then
        return refuse('hold_expired');
      elsif command.amount <= 0 then
        return refuse('invalid_amount');
      elsif command.amount > v_amount then
        return refuse('capture_exceeds_hold',
          jsonb_build_object('currency', txn.currency, 'maximum', v_amount));
      end if;
      return accept(txn.type, -coalesce(command.amount, v_amount), 'success',
        -coalesce(command.amount, v_amount), -v_amount);
    when 'hold_void' then
      return accept(txn.type, txn.amount, 'cancelled', 0, -v_amount);
    when 'hold_expire' then
      if txn.expires_at > p_now then
        return refuse('invalid_command', '{"field": "transactionId"}');
      end if;
      return accept(txn.type, txn.amount, 'expired', 0, -v_amount);
  end case;
end
$$;
