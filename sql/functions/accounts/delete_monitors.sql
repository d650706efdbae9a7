-- Deletes one of a user's monitors, or all of them if p_id is null. Returns how many. It locks the wallet first, as
-- put_monitor() does. With the monitor's row first, the two could deadlock.
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
