-- Notes that a page shows the user's wallet for the next p_for, or, if that is null, does no more. Of a user without a
-- device nothing is kept.
create or replace function push_seen(p_tenant text, p_user_id text, p_tab uuid, p_for interval) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_wallet constant bigint := wallet_of(p_tenant, p_user_id);
begin
  if p_for is null then
    delete from push_visible where wallet_id = v_wallet and tab = p_tab;
  elsif exists (select from push_devices where wallet_id = v_wallet) then
    insert into push_visible (wallet_id, tab, until) values (v_wallet, p_tab, ledger_clock() + p_for)
    on conflict (wallet_id, tab) do update set until = excluded.until;
  end if;
end
$$;
