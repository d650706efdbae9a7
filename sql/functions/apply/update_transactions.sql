-- Writes the transactions that a batch changed, with all that a command may change of one.
create or replace function update_transactions(p_named transactions[], p_dirty boolean[]) returns void
language plpgsql as $$
declare
  n_dirty constant int := cardinality(array_positions(p_dirty, true));
  n_written int;
begin
  update transactions t
  set amount = s.amount, status = s.status, admin_notes = s.admin_notes,
    processed_by = s.processed_by, approved_by = s.approved_by, approved_at = s.approved_at,
    previous_balance = s.previous_balance, new_balance = s.new_balance, refunded = s.refunded,
    held_amount = s.held_amount, expires_at = s.expires_at, hold_state = s.hold_state,
    metadata = s.metadata, split = s.split, updated_at = s.updated_at
  from unnest(p_named) with ordinality as s
  where p_dirty[s.ordinality] and t.tenant = s.tenant and t.id = s.id
    -- By its index, whatever the statistics say.
    and t.tenant = any (array(select distinct n.tenant from unnest(p_named) as n))
    and t.id = any (array(select n.id from unnest(p_named) as n));
  get diagnostics n_written = row_count;
  if n_written <> n_dirty then
    perform miscounted('transactions', n_dirty, n_written);
  end if;
end
$$;
