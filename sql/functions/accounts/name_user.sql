-- Copies whose wallet it is to a limit or a monitor. Neither ever changes.
create or replace function name_user() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  select w.tenant, w.user_id into new.tenant, new.user_id from wallets w where w.id = new.wallet_id;
  return new;
end
$$;
