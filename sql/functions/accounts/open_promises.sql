-- The sum of a wallet's open holds and withdrawals. It equals the held amount if the snapshot is right.
create or replace function open_promises(p_wallet bigint, p_currency text) returns bigint
language sql stable as $$
  select coalesce(sum(abs(amount)), 0)::bigint from transactions
  where wallet_id = p_wallet and currency = p_currency and status = 'pending'
    and type in ('hold', 'withdrawal')
$$;
