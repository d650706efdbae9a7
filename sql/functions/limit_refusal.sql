-- Promises that a limit holds under any concurrency: called under the wallet's lock, it counts what
-- the window has seen, the earlier commands of the same batch (p_fresh) included. Null: nothing against it.
create or replace function limit_refusal(
  a account_state, p_type transaction_type, p_amount bigint, p_now timestamptz, p_fresh transactions[]
) returns decision language plpgsql stable as $$
declare
  l limits;
  v_used numeric;
begin
  select * into l from limits
  where wallet_id = a.wallet_id and type = p_type and currency = a.currency;
  if l.max_amount < p_amount then
    return refuse('limit_exceeded', jsonb_build_object(
      'currency', a.currency, 'limit', 'amount', 'maximum', l.max_amount));
  elsif l.max_sum is null then
    return null;
  end if;
  select coalesce(sum(abs(t.amount)), 0) into v_used
  from (
    -- By id, which is by time: the window is the end of the index.
    select amount from transactions
    where wallet_id = a.wallet_id and currency = a.currency and type = p_type and (amount < 0) = (p_type <> 'topup')
      and status in ('pending', 'success')
      and id >= first_uuid_at(p_now - make_interval(secs => l.window_seconds))
    union all
    select amount from unnest(p_fresh)
    where wallet_id = a.wallet_id and currency = a.currency and type = p_type and (amount < 0) = (p_type <> 'topup')
  ) as t;
  if v_used + p_amount > l.max_sum then
    return refuse('limit_exceeded', jsonb_build_object(
      'currency', a.currency, 'limit', 'sum', 'maximum', greatest(l.max_sum - v_used, 0),
      'windowSeconds', l.window_seconds));
  end if;
  return null;
end
$$;
