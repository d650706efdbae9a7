-- The exclusive upper bound of the ids of transactions opened before p_to, of one user, or of a tenant if p_user_id is
-- null. A transaction dated ahead of now happened before now. So it counts with the newest one that is not dated ahead.
create or replace function ids_until(p_tenant text, p_user_id text, p_to timestamptz) returns uuid
language plpgsql stable as $$
declare
  v_to constant uuid := first_uuid_at(p_to);
  v_now constant uuid := first_uuid_at(ledger_clock());
  v_wallet constant bigint := wallet_of(p_tenant, p_user_id);
  v_ahead boolean;
begin
  if p_user_id is null then
    v_ahead := exists (select from transactions where tenant = p_tenant and id >= v_now)
      and not exists (select from transactions where tenant = p_tenant and id >= v_to and id < v_now);
  else
    v_ahead := exists (select from transactions where wallet_id = v_wallet and id >= v_now)
      and not exists (select from transactions where wallet_id = v_wallet and id >= v_to and id < v_now);
  end if;
  return case when v_ahead then 'ffffffff-ffff-ffff-ffff-ffffffffffff' else v_to end;
end
$$;
