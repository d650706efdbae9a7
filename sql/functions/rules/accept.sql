-- A decision to go ahead. It names the transaction's type, its signed amount and its new status, and the amounts
-- to add to the balance and to the held amount.
create or replace function accept(
  p_type transaction_type, p_amount bigint, p_status transaction_status, p_balance_delta bigint,
  p_held_delta bigint
) returns decision language sql immutable as $$
  select row(null, null, p_type, p_amount, p_status, p_balance_delta, p_held_delta)::decision
$$;
