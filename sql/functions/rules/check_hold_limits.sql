-- Rule: a spending limit of holds also counts what is added to a hold later. The limit of a single amount is that of the
-- whole hold. Returns null if the command may go ahead.
create or replace function check_hold_limits(
  account account_state, txn transactions, p_added bigint, p_now timestamptz, p_changes ledger_change[],
  p_named transactions[]
) returns decision language plpgsql stable as $$
declare
  v_max_amount constant bigint := (limit_of(account.wallet_id, 'hold', account.currency)).max_amount;
begin
  if v_max_amount < abs(txn.amount) + p_added then
    return refuse('limit_exceeded', jsonb_build_object(
      'currency', account.currency, 'limit', 'amount', 'maximum', greatest(v_max_amount + txn.amount, 0)));
  end if;
  return check_limits(account, 'hold', p_added, p_now, p_changes, p_named);
end
$$;
