-- Takes the oldest generation of events out of all streams, if nobody needs one of its events. It has ended longer
-- ago than any tenant keeps events, and no event in it may be younger (one that is dated ahead was dated by a wrong
-- clock). Neither the outbox nor delivery_feed names one, no webhook endpoint has waited for one for less than three
-- days, and none is of a suspended tenant. Generations go in their order, so a stream has no hole. Returns whether it
-- did. While it detaches, nobody can read or write events. So it waits 50 ms for the lock, and the next call tries
-- again.
create or replace function detach_events(p_keep interval) returns boolean
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '50ms' as $$
declare
  v_now constant timestamptz := ledger_clock();
  v_before constant timestamptz := v_now - event_keep(p_keep);
  v_generation integer;
  v_partition regclass;
  v_is_needed boolean;
begin
  if not pg_try_advisory_xact_lock(7236178, 11) then
    return false;
  end if;
  select g.generation, format('event_rows_%s', g.generation) into v_generation, v_partition
  from (select generation from event_generations where detached_at is null order by generation limit 1) as g
  -- Of the later ones, a wrong clock may have dated the first ahead.
  where (select min(began_at) from event_generations l where l.generation > g.generation) < v_before;
  -- An outage can leave millions of commits. Until they are published, nothing is detached.
  if v_generation is null
      or (select count(*) from (select from outbox limit 10001) as o) > 10000
      or (select count(*) from (select from delivery_feed limit 10001) as f) > 10000
      -- prune_events() would wait for the lock that follows.
      or not pg_try_advisory_xact_lock(7236178, 1) then
    return false;
  end if;
  -- A transaction that began before the generation ended may still write to it.
  execute format('lock table %s in share mode', v_partition);
  execute format($query$
    select exists (
      select from %1$s where created_at >= $1 and created_at <= $2)
    or exists (
      select from (
        select wallet_ids, after_seqs from outbox union all select wallet_ids, after_seqs from delivery_feed
      ) as o
      cross join unnest(o.wallet_ids, o.after_seqs) as named (wallet_id, after_seq)
      join %1$s r on r.wallet_id = named.wallet_id and r.seq > named.after_seq)
    or exists (
      select from webhook_cursors c join %1$s r on r.wallet_id = c.wallet_id and r.seq > c.acked_seq
      where c.waiting_since is not null and c.set_aside_at is null
        and coalesce(c.failing_since, c.waiting_since) > $2 - interval '3 days')
    or exists (
      select from tenants t join wallets w on w.tenant = t.tenant join %1$s r on r.wallet_id = w.id
      where t.suspended_at is not null)
  $query$, v_partition) into v_is_needed using v_before, v_now;
  if v_is_needed then
    return false;
  end if;
  execute format('alter table event_rows detach partition %s', v_partition);
  update event_generations set detached_at = v_now where generation = v_generation;
  return true;
exception
  when lock_not_available or deadlock_detected then
    return false;
end
$$;
