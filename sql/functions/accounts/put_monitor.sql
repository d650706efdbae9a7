-- Watches a threshold for a user: the same one again is the same monitor. No row: the user has p_most
-- already. Under the wallet's lock, so that two at once cannot both be the last.
create or replace function put_monitor(
  p_tenant text, p_user_id text, p_currency text, p_threshold bigint, p_direction side, p_most integer
) returns setof monitors language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_wallet constant bigint := lock_wallet(p_tenant, p_user_id);
begin
  if (select count(*) from monitors where wallet_id = v_wallet) < p_most then
    insert into monitors (wallet_id, currency, threshold, direction)
    values (v_wallet, p_currency, p_threshold, p_direction::side)
    on conflict do nothing;
  end if;
  return query select * from monitors
    where wallet_id = v_wallet and currency = p_currency and threshold = p_threshold
      and direction = p_direction::side;
end
$$;
