-- A command on a pending transaction: it moves on once, to a final status. Only a hold's capture may
-- settle less than was asked for; the rest of what it held is free again.
create or replace function decide_settling(
  c ledger_command, t transactions, p_now timestamptz
) returns decision language plpgsql immutable as $$
declare
  v_type transaction_type := case c.op
    when 'topup_cancel' then 'topup' when 'topup_process' then 'topup'
    when 'withdrawal_process' then 'withdrawal'
    when 'hold_capture' then 'hold' when 'hold_void' then 'hold' when 'hold_expire' then 'hold' end;
  v_amount bigint := abs(t.amount);
begin
  if v_type is null then
    return refuse('invalid_command', '{"field": "op"}');
  elsif t.type <> v_type then
    return refuse('wrong_type', jsonb_build_object('type', t.type));
  elsif t.status <> 'pending' then
    return refuse('already_processed', jsonb_build_object('status', t.status));
  elsif c.op in ('topup_process', 'withdrawal_process') and c.status is distinct from 'success'
      and c.status is distinct from 'failed' then
    return refuse('invalid_command', '{"field": "status"}');
  elsif c.op in ('topup_process', 'withdrawal_process') and c.actor = t.user_id then
    return refuse('self_approval');
  -- A plain user's word (its commands carry user_id) does not undo what a service holds of the user.
  elsif c.op in ('hold_capture', 'hold_void') and c.user_id is not null
      and t.created_by <> c.actor then
    return refuse('not_your_hold');
  end if;
  case c.op
    when 'topup_cancel' then
      return accept(t.type, t.amount, 'cancelled', 0, 0);
    when 'topup_process' then
      if c.status = 'failed' then
        return accept(t.type, t.amount, 'failed', 0, 0);
      end if;
      return accept(t.type, t.amount, 'success', v_amount, 0);
    when 'withdrawal_process' then
      if c.status = 'failed' then
        return accept(t.type, t.amount, 'failed', 0, -v_amount);
      end if;
      return accept(t.type, t.amount, 'success', -v_amount, -v_amount);
    when 'hold_capture' then
      if t.expires_at <= p_now then
        return refuse('hold_expired');
      elsif c.amount <= 0 then
        return refuse('invalid_amount');
      elsif c.amount > v_amount then
        return refuse('capture_exceeds_hold',
          jsonb_build_object('currency', t.currency, 'maximum', v_amount));
      end if;
      return accept(t.type, -coalesce(c.amount, v_amount), 'success',
        -coalesce(c.amount, v_amount), -v_amount);
    when 'hold_void' then
      return accept(t.type, t.amount, 'cancelled', 0, -v_amount);
    when 'hold_expire' then
      if t.expires_at > p_now then
        return refuse('invalid_command', '{"field": "transactionId"}');
      end if;
      return accept(t.type, t.amount, 'expired', 0, -v_amount);
  end case;
end
$$;
