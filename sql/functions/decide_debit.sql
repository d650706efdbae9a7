-- Promises that nobody spends what they do not have: `accepted` if the account's available money
-- (balance less what is held) covers p_amount, else insufficient_funds with the figures.
create or replace function decide_debit(a account_state, p_amount bigint, accepted decision)
returns decision language plpgsql immutable as $$
begin
  if a.balance - a.held >= p_amount then
    return accepted;
  end if;
  return refuse('insufficient_funds', jsonb_build_object(
    'currency', a.currency,
    'requiredAmount', p_amount,
    'currentBalance', a.balance,
    'available', a.balance - a.held,
    'shortfall', p_amount - (a.balance - a.held)));
end
$$;
