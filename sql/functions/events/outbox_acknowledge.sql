-- Removes commits whose events are published. An unknown id is no error: another process removed it first.
create or replace function outbox_acknowledge(p_ids bigint[]) returns void
language sql security definer set search_path = public, pg_temp as $$
  delete from outbox where id = any (p_ids)
$$;
