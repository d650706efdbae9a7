-- Turns a user's auto top-up on, with these figures. Returns no row if the user has no saved payment method.
create or replace function put_auto_topup(
  p_tenant text, p_user_id text, p_currency text, p_threshold bigint, p_amount bigint, p_cap bigint,
  p_period_seconds integer
) returns setof auto_topups language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_wallet constant bigint := lock_wallet(p_tenant, p_user_id);
begin
  if not exists (select from saved_methods where wallet_id = v_wallet) then
    return;
  end if;
  return query
    insert into auto_topups as rule (wallet_id, currency, threshold, amount, cap, period_seconds)
    values (v_wallet, p_currency, p_threshold, p_amount, p_cap, p_period_seconds)
    on conflict (wallet_id, currency) do update set
      threshold = excluded.threshold, amount = excluded.amount, cap = excluded.cap,
      period_seconds = excluded.period_seconds, status = 'active', paused_reason = null, updated_at = clock_timestamp()
    returning rule.*;
end
$$;
