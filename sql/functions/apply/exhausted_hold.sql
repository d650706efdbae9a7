-- A hold of which a refused capture asked too much, for the first time: p_seq is the event that says so.
create or replace function exhausted_hold(txn transactions, p_seq bigint, p_at timestamptz) returns transactions
language plpgsql immutable as $$
begin
  txn.hold_state.exhausted_seq := p_seq;
  txn.updated_at := p_at;
  return txn;
end
$$;
