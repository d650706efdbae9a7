-- Promises that no balance outgrows 2^53 - 1 minor units, where JSON numbers stop being exact.
create or replace function decide_credit(a account_state, p_amount bigint, accepted decision)
returns decision language plpgsql immutable as $$
begin
  if a.balance <= 9007199254740991 - p_amount then
    return accepted;
  end if;
  return refuse('balance_limit_exceeded', jsonb_build_object(
    'currency', a.currency, 'maximum', 9007199254740991 - a.balance));
end
$$;
