-- A user's spending limits and what is used of them now, without a lock: another command may be quicker. `used` is what
-- check_limits() counts for the next command. The oldest transaction in the window leaves it first: frees_amount is free
-- again at frees_at. All three are null where nothing limits the sum, and the last two where nothing is used.
create or replace function limits_usage(p_tenant text, p_user_id text)
returns table (
  type transaction_type, currency text, max_amount bigint, max_sum bigint, window_seconds integer, used numeric,
  frees_amount bigint, frees_at timestamptz
) language plpgsql stable as $$
declare
  spending_limit limits;
  v_now timestamptz := ledger_clock();
  v_from uuid;
  v_until uuid;
begin
  for spending_limit in
    select * from limits as l where l.wallet_id = wallet_of(p_tenant, p_user_id) order by l.type, l.currency
  loop
    type := spending_limit.type;
    currency := spending_limit.currency;
    max_amount := spending_limit.max_amount;
    max_sum := spending_limit.max_sum;
    window_seconds := spending_limit.window_seconds;
    used := null;
    frees_amount := null;
    frees_at := null;
    if max_sum is not null then
      -- The same window as in check_limits().
      v_from := first_uuid_at(v_now - make_interval(secs => window_seconds));
      v_until := case
        when exists (select from transactions as txn
          where txn.wallet_id = spending_limit.wallet_id and txn.id >= v_from and txn.id < first_uuid_at(v_now))
        then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
        else first_uuid_at(v_now + make_interval(secs => window_seconds)) end;
      select coalesce(sum(abs(txn.amount)), 0) into used
      from transactions as txn
      where txn.wallet_id = spending_limit.wallet_id and txn.id >= v_from and txn.id < v_until
        and txn.currency = spending_limit.currency and txn.type = spending_limit.type
        and txn.status in ('pending', 'success') and (txn.amount < 0) = (spending_limit.type <> 'topup');
      select abs(txn.amount), txn.created_at + make_interval(secs => spending_limit.window_seconds)
      into frees_amount, frees_at
      from transactions as txn
      where txn.wallet_id = spending_limit.wallet_id and txn.id >= v_from and txn.id < v_until
        and txn.currency = spending_limit.currency and txn.type = spending_limit.type
        and txn.status in ('pending', 'success') and (txn.amount < 0) = (spending_limit.type <> 'topup')
      order by txn.id limit 1;
    end if;
    return next;
  end loop;
end
$$;
