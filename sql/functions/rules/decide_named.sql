-- Decides a command that names a transaction: a refund of it, one about a hold, or one that settles it.
create or replace function decide_named(
  command ledger_command, account account_state, txn transactions, p_now timestamptz
) returns decision language plpgsql stable as $$
begin
  if command.tenant <> txn.tenant or command.user_id <> txn.user_id then
    return refuse('not_found');
  elsif command.currency <> txn.currency then
    return refuse('currency_mismatch', jsonb_build_object('currency', txn.currency));
  elsif command.op = 'refund' then
    return decide_refund(command, txn);
  elsif command.op in ('hold_capture', 'hold_extend', 'hold_void', 'hold_expiring', 'hold_expire') then
    return decide_hold(command, account, txn, p_now);
  end if;
  return decide_settling(command, txn);
end
$$;
