-- Turns a user's auto top-up off. A topup under way stays. Returns whether it was on.
create or replace function delete_auto_topup(p_tenant text, p_user_id text, p_currency text) returns boolean
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
declare
  v_wallet constant bigint := wallet_of(p_tenant, p_user_id);
begin
  perform from wallets where id = v_wallet for no key update;
  delete from auto_topups where wallet_id = v_wallet and currency = p_currency;
  return found;
end
$$;
