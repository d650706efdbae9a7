-- Lets nobody open a wallet of a tenant that lives in another database: a server that was not told so would begin a
-- second ledger for it. Only the move that brings the tenant here may, which gives its id as livebalance.moving.
create or replace function refuse_elsewhere() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  if exists (select from tenant_homes where tenant = new.tenant and not here) and not exists (
    select from tenant_moves m where m.tenant = new.tenant and m.direction = 'here'
      and m.id::text = current_setting('livebalance.moving', true)
  ) then
    raise exception 'the tenant lives in another database' using errcode = '57L01', detail = new.tenant;
  end if;
  return new;
end
$$;
