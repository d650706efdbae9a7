-- Notes that a payment was begun at a provider for a topup.
create or replace function link_payment(p_provider text, p_payment_id text, p_tenant text, p_topup_id uuid)
returns void language sql security definer set search_path = public, pg_temp as $$
  insert into provider_payments (provider, payment_id, tenant, topup_id)
  values (p_provider, p_payment_id, p_tenant, p_topup_id) on conflict do nothing
$$;
