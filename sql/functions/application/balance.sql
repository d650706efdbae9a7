-- A user's balance, held and available amounts in major units. Zeros for an unknown user.
create or replace function livebalance.balance(
  user_id text, currency text default 'USD', tenant text default 'default'
) returns table (balance numeric, held numeric, available numeric) language sql stable security definer
set search_path = public, pg_temp as $$
  select round(coalesce(s.balance, 0) / 10::numeric ^ c.decimals, c.decimals),
    round(coalesce(s.held, 0) / 10::numeric ^ c.decimals, c.decimals),
    round((coalesce(s.balance, 0) - coalesce(s.held, 0)) / 10::numeric ^ c.decimals, c.decimals)
  from currencies as c
  left join balance_snapshots as s
    on s.wallet_id = wallet_of(balance.tenant, balance.user_id) and s.currency = c.code
  where c.code = balance.currency
$$;
