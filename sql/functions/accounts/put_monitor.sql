-- Adds a monitor for a user, or returns the same one if it exists. Returns no row if the user already has p_most. The
-- wallet's lock keeps two concurrent calls from exceeding that number.
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
