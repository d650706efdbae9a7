-- Promises, of whatever a command adds to an account's balance and to what is held of it, that nobody
-- spends what they do not have (the balance less what is held), and that no balance outgrows 2^53 - 1
-- minor units, where JSON numbers stop being exact. Null: nothing against it. Stable, for jsonb_build_object()
-- is no more than that: called immutable it would not be inlined.
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
