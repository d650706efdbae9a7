-- Decides a command on a pending transaction other than a hold, which moves once, to a final status.
create or replace function decide_settling(command ledger_command, txn transactions) returns decision
language plpgsql immutable as $$
declare
  v_type constant transaction_type := case command.op
    when 'topup_cancel' then 'topup' when 'topup_process' then 'topup' when 'topup_note' then 'topup'
    when 'withdrawal_process' then 'withdrawal'
    when 'adjustment_process' then 'admin_adjustment' when 'refund_process' then 'refund' end;
  v_amount constant bigint := abs(txn.amount);
  is_decided_by_admin constant boolean := command.op like '%\_process';
begin
  if v_type is null then
    return refuse('invalid_command', '{"field": "op"}');
  elsif txn.type <> v_type then
    return refuse('wrong_type', jsonb_build_object('type', txn.type));
  elsif txn.status <> 'pending' then
    return refuse('already_processed', jsonb_build_object('status', txn.status));
  elsif is_decided_by_admin and command.status is distinct from 'success'
      and command.status is distinct from 'failed' then
    return refuse('invalid_command', '{"field": "status"}');
  elsif is_decided_by_admin and command.actor = txn.user_id then
    return refuse('self_approval');
  elsif is_decided_by_admin and command.status = 'success' and command.actor = txn.approved_by then
    return refuse('second_admin_required');
  end if;
  case command.op
    -- It stays pending. Only the functions in sql/functions/providers use it.
    when 'topup_note' then
      return accept(txn.type, txn.amount, 'pending', 0, 0);
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
    when 'adjustment_process', 'refund_process' then
      if command.status = 'failed' then
        return accept(txn.type, txn.amount, 'failed', 0, 0);
      end if;
      return accept(txn.type, txn.amount, 'success', txn.amount, 0);
  end case;
end
$$;
