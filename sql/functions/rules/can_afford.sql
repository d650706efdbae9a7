-- Whether ledger_apply() would accept a debit now, by the same rules, but without a lock: another command may be
-- quicker. The reason is null if it would, and otherwise one of:
--   frozen: an admin froze the wallet for debits.
--   hold: the balance is large enough, but too much of it is held. It is free at frees_at, if enough of it expires.
--   funds: the balance is too small.
--   limit: a spending limit. It is free at frees_at, unless the amount is above the limit itself.
create or replace function can_afford(
  p_tenant text, p_user_id text, p_currency text, p_amount bigint, p_type transaction_type
) returns table (reason text, available bigint, frees_at timestamptz) language plpgsql stable as $$
declare
  account account_state;
  objection decision;
  spending_limit limits;
  v_now timestamptz := ledger_clock();
begin
  select loaded.* into account
  from unnest((select load.accounts from load_accounts(array[wallet_of(p_tenant, p_user_id)], '{}') as load)) as loaded
  where loaded.currency = p_currency;
  account.balance := coalesce(account.balance, 0);
  account.held := coalesce(account.held, 0);
  available := account.balance - account.held;

  objection := check_funds(p_currency, account.balance, account.held, -p_amount, 0);
  if (select frozen.debits from freeze_of(wallet_of(p_tenant, p_user_id)) as frozen) then
    reason := 'frozen';
  elsif objection.refusal is not null and account.balance < p_amount then
    reason := 'funds';
  elsif objection.refusal is not null then
    reason := 'hold';
    frees_at := (
      select min(freed.expires_at)
      from (
        select txn.expires_at, sum(abs(txn.amount) - coalesce((txn.hold_state).captured, 0))
          over (order by txn.expires_at, txn.id) as total
        from transactions as txn
        where txn.wallet_id = account.wallet_id and txn.currency = p_currency and txn.status = 'pending'
          and txn.type = 'hold'
      ) as freed
      where available + freed.total >= p_amount);
  else
    objection := check_limits(account, p_type, p_amount, v_now, '{}', null);
    if objection.refusal is not null then
      reason := 'limit';
      spending_limit := limit_of(account.wallet_id, p_type, p_currency);
      if p_amount <= spending_limit.max_sum and p_amount <= coalesce(spending_limit.max_amount, p_amount) then
        -- The window has moved past the oldest transactions by then.
        frees_at := (
          select min(spent.created_at) + make_interval(secs => spending_limit.window_seconds)
          from (
            select txn.created_at, sum(abs(txn.amount)) over () as used,
              sum(abs(txn.amount)) over (order by txn.id) as passed
            from transactions as txn
            where txn.wallet_id = account.wallet_id and txn.currency = p_currency and txn.type = p_type
              and txn.id >= first_uuid_at(v_now - make_interval(secs => spending_limit.window_seconds))
              and txn.status in ('pending', 'success') and txn.amount < 0
          ) as spent
          where spent.used - spent.passed + p_amount <= spending_limit.max_sum);
      end if;
    end if;
  end if;
  return next;
end
$$;
