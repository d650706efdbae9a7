-- Forgets how far the endpoint has the events of all users but these. Returns how many.
create or replace function webhook_forget_users(p_endpoint_id uuid, p_user_ids text[]) returns bigint
language sql security definer set search_path = public, pg_temp as $$
  with forgotten as (
    delete from webhook_cursors c using wallets w
    where c.endpoint_id = p_endpoint_id and w.id = c.wallet_id and w.user_id <> all (p_user_ids)
    returning 1)
  select count(*) from forgotten
$$;
