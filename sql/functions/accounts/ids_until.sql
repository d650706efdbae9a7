-- Where a list of transactions opened before p_to ends: no id of them reaches it. Of one user's transactions, or
-- (p_user_id null) of a tenant's. One that is dated ahead of now was opened before now all the same: it counts as
-- of the newest that is not.
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
