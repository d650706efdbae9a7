-- Promises that a limit holds under any concurrency: called under the wallet's lock, it counts what
-- the window has seen, with what the same batch has opened (p_changes) and changed (p_named) before.
-- Null: nothing against it.
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
  select * into spending_limit from limits
  where wallet_id = account.wallet_id and type = p_type and currency = account.currency;
  if spending_limit.max_amount < p_amount then
    return refuse('limit_exceeded', jsonb_build_object(
      'currency', account.currency, 'limit', 'amount', 'maximum', spending_limit.max_amount));
  elsif spending_limit.max_sum is null then
    return null;
  end if;
  -- By id, which is by time: the window is the end of the index. What is dated ahead of now happened before now
  -- all the same: it counts as of the newest that is not, and as of its date while that is less than a window off.
  v_from := first_uuid_at(p_now - make_interval(secs => spending_limit.window_seconds));
  v_until := case
    when exists (select from transactions
      where wallet_id = account.wallet_id and id >= v_from and id < first_uuid_at(p_now))
    then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    else first_uuid_at(p_now + make_interval(secs => spending_limit.window_seconds)) end;
  select coalesce(sum(abs(t.amount)), 0) into v_used
  from (
    select wallet_id, currency, type, status, amount from transactions
    where wallet_id = account.wallet_id and id >= v_from and id < v_until
      and (p_named is null or id not in (select n.id from unnest(p_named) as n))
    union all
    select wallet_id, currency, type, status, amount from unnest(p_named)
    where id >= v_from and id < v_until
    union all
    select (c.transaction).wallet_id, (c.transaction).currency, (c.transaction).type, (c.transaction).status,
      (c.transaction).amount from unnest(p_changes) as c where c.opened
  ) as t
  where t.wallet_id = account.wallet_id and t.currency = account.currency and t.type = p_type
    and t.status in ('pending', 'success')
    -- Of a transfer, the side that sends.
    and (t.amount < 0) = (p_type <> 'topup');
  if v_used + p_amount > spending_limit.max_sum then
    return refuse('limit_exceeded', jsonb_build_object(
      'currency', account.currency, 'limit', 'sum',
      'maximum', greatest(spending_limit.max_sum - v_used, 0),
      'windowSeconds', spending_limit.window_seconds));
  end if;
  return null;
end
$$;
