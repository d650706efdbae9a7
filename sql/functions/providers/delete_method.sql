-- Forgets a user's saved payment method, and turns off what would charge it. A charge without an answer is never
-- repeated, also by a method that is saved later. Its topup stays pending for a while, as the provider may have taken the
-- money: retry_auto_topups(). Returns whether there was one.
create or replace function delete_method(p_tenant text, p_user_id text) returns boolean
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
declare
  v_wallet constant bigint := wallet_of(p_tenant, p_user_id);
begin
  perform from wallets where id = v_wallet for no key update;
  update auto_topup_runs set tried_at = 'infinity'
  where wallet_id = v_wallet and ended_at is null and payment_id is null;
  delete from auto_topups where wallet_id = v_wallet;
  delete from saved_methods where wallet_id = v_wallet;
  return found;
end
$$;
