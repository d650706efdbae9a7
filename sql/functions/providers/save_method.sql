-- Keeps the payment method that auto top-ups of a user charge, in place of an earlier one.
create or replace function save_method(
  p_tenant text, p_user_id text, p_provider text, p_customer text, p_payment_method text, p_by text
) returns void language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_wallet constant bigint := lock_wallet(p_tenant, p_user_id);
begin
  insert into saved_methods (wallet_id, provider, customer, payment_method, saved_by)
  values (v_wallet, p_provider, p_customer, p_payment_method, p_by)
  on conflict (wallet_id) do update set provider = excluded.provider, customer = excluded.customer,
    payment_method = excluded.payment_method, saved_by = excluded.saved_by, updated_at = clock_timestamp();
end
$$;
