-- Whether the receiver of a transfer may get it: they are known, have room for it, and are not frozen for it. The
-- sender must not learn the receiver's balance. Returns null if the command may go ahead. The caller holds both locks.
create or replace function check_receiver(
  command ledger_command, p_decision decision, p_receiver account_state, p_watched boolean[]
) returns decision language plpgsql stable as $$
declare
  v_amount constant bigint := -p_decision.balance_delta;
  objection decision;
begin
  if p_receiver.account_id is null then
    return refuse('unknown_user');
  end if;
  objection := check_funds(p_receiver.currency, p_receiver.balance, p_receiver.held, v_amount, 0);
  if objection.refusal is not null then
    return refuse(objection.refusal);
  elsif p_watched[p_receiver.wallet] then
    objection := check_freeze(p_receiver.wallet_id, command, accept('transfer', v_amount, 'success', v_amount, 0));
    objection.details := objection.details || jsonb_build_object('userId', command.to_user_id);
  end if;
  return objection;
end
$$;
