-- Notes the deeds among the commands of a batch, accepted or refused, in the transaction of the batch. An answer that an
-- idempotency key got before is no new deed. A key that was used for something else is a mistake of the caller. A deed
-- is noted whoever sends the command: without an origin in the name of the actor.
create or replace function note_commands(
  p_commands ledger_command[], p_answers ledger_result[], p_changes ledger_change[]
) returns void language plpgsql as $$
declare
  command ledger_command;
  answer ledger_result;
  -- The transaction that the command names, and the one that it opened or changed.
  named transactions;
  txn transactions;
  v_currency text;
  v_before jsonb;
  v_after jsonb;
begin
  for i in 1 .. cardinality(p_commands) loop
    command := p_commands[i];
    answer := p_answers[i];
    continue when answer.replayed or answer.refusal = 'idempotency_key_reused'
      or not is_deed(command.op, command.role, command.actor);
    named := null;
    txn := null;
    v_before := null;
    v_after := null;
    if command.transaction_id is not null then
      select * into named from transactions where tenant = command.tenant and id = command.transaction_id;
    end if;
    v_currency := coalesce(named.currency, command.currency);
    if answer.refusal is null then
      txn := (p_changes[answer.change + 1]).transaction;
      v_before := case when command.op like '%\_process' then jsonb_build_object('status', 'pending') end;
      v_after := jsonb_build_object('status', txn.status,
        'amount', decimal_of(txn.amount, v_currency), 'currency', v_currency,
        'previousBalance', decimal_of(txn.previous_balance, v_currency),
        'newBalance', decimal_of(txn.new_balance, v_currency),
        'approvedBy', txn.approved_by,
        'transactionId', case when command.op = 'refund' then txn.id end);
    end if;
    perform write_deed(
      coalesce(command.origin, jsonb_build_object('roles', jsonb_build_array(coalesce(command.role, 'admin'))))
        || jsonb_build_object('tenant', command.tenant, 'actor', command.actor),
      command.op::deed_name,
      coalesce(txn.user_id, named.user_id, command.user_id),
      coalesce(command.transaction_id, txn.id)::text,
      jsonb_strip_nulls(jsonb_build_object(
        'asked', jsonb_build_object('status', command.status,
          'amount', decimal_of(command.amount, v_currency),
          'currency', case when command.amount is not null then v_currency end,
          'description', command.description),
        'before', v_before, 'after', v_after)),
      coalesce(answer.refusal, 'done'));
  end loop;
end
$$;
