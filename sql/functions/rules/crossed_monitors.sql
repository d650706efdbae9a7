-- The thresholds of a wallet that its balance has just crossed, each to the side that its user watches.
create or replace function crossed_monitors(account account_state, p_previous bigint)
returns setof monitors language sql stable as $$
  select * from monitors m
  where m.wallet_id = account.wallet_id and m.currency = account.currency and (
    (m.direction = 'below' and p_previous >= m.threshold and account.balance < m.threshold)
    or (m.direction = 'above' and p_previous <= m.threshold and account.balance > m.threshold))
  order by m.created_at, m.id
$$;
