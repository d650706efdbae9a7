-- Deletes idempotency keys older than p_keep in p_blocks blocks of the table, from block p_from on. This scan follows
-- the order of the rows on disk, so it needs no index. Returns the block to continue from. Null: the end is reached,
-- or another process is pruning.
create or replace function prune_idempotency_keys(p_keep interval, p_from bigint, p_blocks integer)
returns bigint language plpgsql security definer set search_path = public, pg_temp
set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  v_to bigint := p_from + p_blocks;
  v_old bigint;
  v_gone bigint;
begin
  if not pg_try_advisory_xact_lock(7236178, 2) then
    return null;
  end if;
  with old as materialized (
    select tenant, actor, key from idempotency_keys
    where ctid >= format('(%s,0)', p_from)::tid and ctid < format('(%s,0)', v_to)::tid
      and created_at < ledger_clock() - p_keep
    for update
  ), gone as (
    -- Rows are found by position, and deleted by key.
    delete from idempotency_keys k using old
    where k.tenant = old.tenant and k.actor = old.actor and k.key = old.key
    returning 1
  )
  select (select count(*) from old), (select count(*) from gone) into v_old, v_gone;
  if v_gone <> v_old then
    perform miscounted('idempotency_keys', v_old, v_gone);
  end if;
  return case when v_to * current_setting('block_size')::bigint < pg_relation_size('idempotency_keys')
    then v_to end;
end
$$;
