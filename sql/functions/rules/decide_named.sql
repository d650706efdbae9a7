-- Decides a command that names a transaction: a refund of it, one about a hold, or one that settles it. A refund has
-- metadata of its own. That of the others is added to the transaction's, which stays within what one request may send.
create or replace function decide_named(
  command ledger_command, account account_state, txn transactions, p_now timestamptz
) returns decision language plpgsql stable as $$
declare
  v_decision decision;
begin
  if command.tenant <> txn.tenant or command.user_id <> txn.user_id then
    return refuse('not_found');
  elsif command.currency <> txn.currency then
    return refuse('currency_mismatch', jsonb_build_object('currency', txn.currency));
  elsif command.op = 'refund' then
    return decide_refund(command, txn);
  elsif command.op in ('hold_capture', 'hold_extend', 'hold_void', 'hold_expiring', 'hold_expire') then
    v_decision := decide_hold(command, account, txn, p_now);
  else
    v_decision := decide_settling(command, txn);
  end if;
  -- What a provider reports is noted in any case.
  if v_decision.refusal is null and command.metadata is not null and command.role is distinct from 'provider'
      and not is_metadata(coalesce(txn.metadata, '{}') || command.metadata) then
    return refuse('invalid_command', '{"field": "metadata"}');
  end if;
  return v_decision;
end
$$;
