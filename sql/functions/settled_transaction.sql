-- A pending transaction as an accepted command leaves it, on an account of that balance (before). A capture of less than the whole keeps in
-- the metadata what was held.
create or replace function settled_transaction(
  c ledger_command, t transactions, d decision, p_balance bigint, p_at timestamptz
) returns transactions language plpgsql immutable as $$
begin
  if d.amount <> t.amount then
    t.metadata := coalesce(t.metadata, '{}') || jsonb_build_object('heldAmount', -t.amount);
  end if;
  if d.balance_delta <> 0 then
    t.previous_balance := p_balance;
    t.new_balance := p_balance + d.balance_delta;
  end if;
  t.amount := d.amount;
  t.status := d.status;
  t.admin_notes := coalesce(c.admin_notes, t.admin_notes);
  t.processed_by := c.actor;
  t.updated_at := p_at;
  return t;
end
$$;
