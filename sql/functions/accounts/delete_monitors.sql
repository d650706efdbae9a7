-- Watches a user's thresholds no longer: one of them, or (p_id null) all. Returns how many those were.
-- The wallet's lock comes first, as in put_monitor(): with the row's first, the two would wait for each other.
create or replace function delete_monitors(p_tenant text, p_user_id text, p_id uuid)
returns integer language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
declare
  v_wallet bigint := wallet_of(p_tenant, p_user_id);
  v_deleted integer;
begin
  perform from wallets where id = v_wallet for no key update;
  delete from monitors where wallet_id = v_wallet and (p_id is null or id = p_id);
  get diagnostics v_deleted = row_count;
  return v_deleted;
end
$$;
