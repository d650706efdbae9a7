-- Rule: nobody spends more than they have (the balance less the held amount), and no balance exceeds 2^53 - 1 minor
-- units, above which JSON numbers are not exact. Returns null if the command may go ahead. The function is stable, as
-- jsonb_build_object() is: Postgres would not inline an immutable one.
create or replace function check_funds(
  p_currency text, p_balance bigint, p_held bigint, p_balance_delta bigint, p_held_delta bigint
) returns decision language sql stable as $$
  select case
    when p_balance_delta < p_held_delta and p_balance - p_held < p_held_delta - p_balance_delta then
      refuse('insufficient_funds', jsonb_build_object(
        'currency', p_currency,
        'requiredAmount', p_held_delta - p_balance_delta,
        'currentBalance', p_balance,
        'available', p_balance - p_held,
        'shortfall', p_held_delta - p_balance_delta - (p_balance - p_held)))
    when p_balance_delta > 9007199254740991 - p_balance then
      refuse('balance_limit_exceeded', jsonb_build_object(
        'currency', p_currency, 'maximum', 9007199254740991 - p_balance))
  end
$$;
