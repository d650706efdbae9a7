-- A hold as an accepted command leaves it that does not end it: a capture that is not final, an extension or a warning.
-- p_events are its events, whose last one has p_seq. The command's metadata is added to that of the hold.
create or replace function changed_hold(
  command ledger_command, txn transactions, decision decision, p_events event_name[], p_seq bigint, p_at timestamptz
) returns transactions language plpgsql stable as $$
declare
  v_left bigint;
begin
  txn.hold_state.captured := coalesce((txn.hold_state).captured, 0);
  case command.op
    when 'hold_capture' then
      v_left := abs(txn.amount) - (txn.hold_state).captured;
      txn.hold_state.captured := (txn.hold_state).captured + coalesce(command.amount, v_left);
    when 'hold_extend' then
      if command.amount > 0 then
        txn.hold_state.exhausted_seq := null;
      end if;
      if p_at + make_interval(secs => command.expires_in) > txn.expires_at then
        txn.expires_at := p_at + make_interval(secs => command.expires_in);
        txn.hold_state.expiring_seq := null;
      end if;
    else null;
  end case;
  if 'hold_exhausted' = any (p_events) then
    txn.hold_state.exhausted_seq := p_seq;
  elsif 'hold_expiring' = any (p_events) then
    txn.hold_state.expiring_seq := p_seq;
  end if;
  txn.amount := decision.amount;
  if command.metadata is not null then
    txn.metadata := coalesce(txn.metadata, '{}') || command.metadata;
  end if;
  txn.updated_at := p_at;
  return txn;
end
$$;
