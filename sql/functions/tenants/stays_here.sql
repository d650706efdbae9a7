-- True. Raises for a tenant that lives in another database, or is on its way there: for changes that no fence refuses,
-- because the move itself needs them.
create or replace function stays_here(p_tenant text) returns boolean
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  if has_left(p_tenant) then
    raise exception 'the tenant moves to another database' using errcode = '57L01', detail = p_tenant;
  end if;
  return true;
end
$$;
