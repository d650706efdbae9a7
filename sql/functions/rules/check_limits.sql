-- Rule: a spending limit holds under any concurrency. The caller holds the wallet's lock. The sum covers the window in
-- the table, the transactions that this batch opened (p_changes), and those that it changed (p_named). Returns null if
-- the command may go ahead.
create or replace function check_limits(
  account account_state, p_type transaction_type, p_amount bigint, p_now timestamptz,
  p_changes ledger_change[], p_named transactions[]
) returns decision language plpgsql stable as $$
declare
  spending_limit limits;
  v_used numeric;
  v_from uuid;
  v_until uuid;
begin
  spending_limit := limit_of(account.wallet_id, p_type, account.currency);
  if spending_limit.max_amount < p_amount then
    return refuse('limit_exceeded', jsonb_build_object(
      'currency', account.currency, 'limit', 'amount', 'maximum', spending_limit.max_amount));
  elsif spending_limit.max_sum is null then
    return null;
  end if;
  -- Ids sort by time, so the window is the end of the index. A transaction dated ahead of now happened before now. It
  -- counts while the window has one that is not dated ahead, and otherwise if it is less than a window ahead.
  v_from := first_uuid_at(p_now - make_interval(secs => spending_limit.window_seconds));
  v_until := case
    when exists (select from transactions
      where wallet_id = account.wallet_id and id >= v_from and id < first_uuid_at(p_now))
    then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    else first_uuid_at(p_now + make_interval(secs => spending_limit.window_seconds)) end;
  select coalesce(sum(abs(txn.amount)), 0) into v_used
  from (
    select wallet_id, currency, type, status, amount from transactions
    where wallet_id = account.wallet_id and id >= v_from and id < v_until
      and (p_named is null or id not in (select named.id from unnest(p_named) as named))
    union all
    select wallet_id, currency, type, status, amount from unnest(p_named)
    where id >= v_from and id < v_until
    union all
    select (change.transaction).wallet_id, (change.transaction).currency, (change.transaction).type,
      (change.transaction).status, (change.transaction).amount
    from unnest(p_changes) as change where change.opened
  ) as txn
  where txn.wallet_id = account.wallet_id and txn.currency = account.currency and txn.type = p_type
    and txn.status in ('pending', 'success')
    -- Of a transfer only the sender's side counts.
    and (txn.amount < 0) = (p_type <> 'topup');
  if v_used + p_amount > spending_limit.max_sum then
    return refuse('limit_exceeded', jsonb_build_object(
      'currency', account.currency, 'limit', 'sum',
      'maximum', greatest(spending_limit.max_sum - v_used, 0),
      'windowSeconds', spending_limit.window_seconds));
  end if;
  return null;
end
$$;
