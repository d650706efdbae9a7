-- Refuses a write of a tenant that moves to another database, whoever writes. Its arguments are the id of the move,
-- which the purge after it gives as livebalance.moving, and the tenant. fence_table() makes the triggers.
create or replace function refuse_fenced() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  if current_setting('livebalance.moving', true) is distinct from tg_argv[0] then
    raise exception 'the tenant moves to another database' using errcode = '57L01', detail = tg_argv[1];
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  return new;
end
$$;
