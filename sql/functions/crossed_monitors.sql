-- The thresholds of a wallet that its balance has just crossed, each to the side that its user watches.
create or replace function crossed_monitors(a account_state, p_previous bigint)
returns setof monitors language sql stable as $$
  select * from monitors m
  where m.wallet_id = a.wallet_id and m.currency = a.currency and (
    (m.direction = 'below' and p_previous >= m.threshold and a.balance < m.threshold)
    or (m.direction = 'above' and p_previous <= m.threshold and a.balance > m.threshold))
  order by m.created_at, m.id
$$;
