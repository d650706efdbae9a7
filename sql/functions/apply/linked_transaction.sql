-- What the new transaction of a transfer or a refund has besides: it names the transaction that it belongs to. Both
-- sides of a transfer name the sender's transaction and the other user. The sender's metadata stays on the sender's
-- side. A refund names the payment that it gives back. A payee's share (p_payee) names the payment, or the refund that
-- takes it back.
create or replace function linked_transaction(
  txn transactions, command ledger_command, p_named transactions, p_sender_id uuid, p_is_receiver boolean, p_payee text
) returns transactions language plpgsql stable as $$
begin
  if p_payee is not null then
    txn.user_id := p_payee;
    txn.description := coalesce(command.description, p_named.description);
    txn.metadata := null;
    txn.reference_type := 'split';
    txn.reference_id := p_sender_id;
    return txn;
  elsif command.op = 'refund' then
    txn.user_id := p_named.user_id;
    txn.processed_by := case txn.status when 'success' then command.actor end;
    txn.reference_type := 'transaction';
    txn.reference_id := p_named.id;
    return txn;
  end if;
  txn.reference_type := 'transfer';
  txn.reference_id := p_sender_id;
  if p_is_receiver then
    txn.user_id := command.to_user_id;
    txn.metadata := jsonb_build_object('fromUserId', command.user_id);
  else
    txn.metadata := coalesce(txn.metadata, '{}') || jsonb_build_object('toUserId', command.to_user_id);
  end if;
  return txn;
end
$$;
