-- A pending transaction as an accepted command leaves it, on an account that is already changed. A hold of which another
-- amount was captured keeps how much it held. The command's metadata is added to that of the request. A decision that
-- asks for a second admin leaves it pending, with the name of the first.
create or replace function settled_transaction(
  command ledger_command, txn transactions, decision decision, account account_state, p_at timestamptz
) returns transactions language plpgsql immutable as $$
begin
  if decision.amount <> txn.amount then
    txn.held_amount := abs(txn.amount);
  end if;
  if decision.balance_delta <> 0 then
    txn.previous_balance := account.balance - decision.balance_delta;
    txn.new_balance := account.balance;
  end if;
  if txn.type = 'hold' then
    txn.hold_state.captured := case decision.status when 'success' then -decision.amount else 0 end;
  end if;
  txn.amount := decision.amount;
  txn.status := decision.status;
  txn.admin_notes := coalesce(command.admin_notes, txn.admin_notes);
  if decision.status = 'pending' and command.op in ('topup_process', 'withdrawal_process') then
    txn.approved_by := command.actor;
    txn.approved_at := p_at;
  elsif decision.status <> 'pending' then
    txn.processed_by := command.actor;
  end if;
  if command.metadata is not null then
    txn.metadata := coalesce(txn.metadata, '{}') || command.metadata;
  end if;
  txn.updated_at := p_at;
  return txn;
end
$$;
