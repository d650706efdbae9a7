-- A decision to go ahead: the transaction's type, signed amount and status afterwards, and what is
-- added to the balance (posted) and to what is held of it.
create or replace function accept(
  p_type transaction_type, p_amount bigint, p_status transaction_status, p_balance_delta bigint,
  p_held_delta bigint
) returns decision language sql immutable as $$
  select row(null, null, p_type, p_amount, p_status, p_balance_delta, p_held_delta)::decision
$$;
