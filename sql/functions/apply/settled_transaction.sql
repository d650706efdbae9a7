-- A pending transaction as an accepted command leaves it, on an account of that balance (before). A capture of less than the whole keeps in
-- the metadata what was held.
create or replace function settled_transaction(
  command ledger_command, txn transactions, decision decision, p_balance bigint, p_at timestamptz
) returns transactions language plpgsql immutable as $$
begin
  if decision.amount <> txn.amount then
    txn.metadata := coalesce(txn.metadata, '{}') || jsonb_build_object('heldAmount', -txn.amount);
  end if;
  if decision.balance_delta <> 0 then
    txn.previous_balance := p_balance;
    txn.new_balance := p_balance + decision.balance_delta;
  end if;
  txn.amount := decision.amount;
  txn.status := decision.status;
  txn.admin_notes := coalesce(command.admin_notes, txn.admin_notes);
  txn.processed_by := command.actor;
  txn.updated_at := p_at;
  return txn;
end
$$;
