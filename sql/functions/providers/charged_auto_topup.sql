-- Notes that the provider took the charge of an auto top-up.
create or replace function charged_auto_topup(p_tenant text, p_topup_id uuid, p_payment_id text) returns void
language sql security definer set search_path = public, pg_temp as $$
  update auto_topup_runs set payment_id = p_payment_id where tenant = p_tenant and topup_id = p_topup_id
$$;
