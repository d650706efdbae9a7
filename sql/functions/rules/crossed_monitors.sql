-- The monitors whose threshold the balance has just crossed in the watched direction.
create or replace function crossed_monitors(account account_state, p_previous bigint)
returns setof monitors language sql stable as $$
  select * from monitors as monitor
  where monitor.wallet_id = account.wallet_id and monitor.currency = account.currency and (
    (monitor.direction = 'below' and p_previous >= monitor.threshold and account.balance < monitor.threshold)
    or (monitor.direction = 'above' and p_previous <= monitor.threshold and account.balance > monitor.threshold))
  order by monitor.created_at, monitor.id
$$;
