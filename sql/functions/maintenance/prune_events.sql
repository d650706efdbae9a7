-- Deletes events older than p_keep, or than the time that is set for their tenant, of the p_wallets wallets after
-- p_after. Those that are kept longest go with their partition, and are deleted only when they are a quarter of that
-- time too old. Those of a suspended tenant stay, because nothing is sent to it. In each wallet it deletes the oldest
-- rows first, at most 100, and stops at the first one that stays. So a stream never has a hole, even if a wrong clock
-- dated an event, and no lock is held for long. Events that the outbox or delivery_feed name stay, and all newer ones.
-- So do rows with one that a webhook endpoint has not got, for the three days in which they are tried. Returns the
-- wallet to continue after. Null: the end is reached, or another process is pruning or detaches a partition. Only the
-- first 100 rows of the two tables are read, because an outage can leave millions. Row ids and event times agree within
-- seconds, and the minute covers the difference.
create or replace function prune_events(p_keep interval, p_after bigint, p_wallets integer)
returns bigint language plpgsql security definer set search_path = public, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  v_now constant timestamptz := ledger_clock();
  v_named timestamptz := (
    select min(e.created_at) - interval '1 minute'
    from (
      (select wallet_ids, after_seqs from outbox order by id limit 100)
      union all (select wallet_ids, after_seqs from delivery_feed order by id limit 100)
    ) o
    cross join unnest(o.wallet_ids, o.after_seqs) as p (wallet_id, seq)
    cross join lateral events_between(p.wallet_id, p.seq, p.seq + 1) e);
  v_longest constant interval := event_keep(p_keep);
  -- No event was written before, so usually there is nothing to look for.
  v_oldest constant timestamptz := (select min(began_at) from event_generations where detached_at is null);
  v_old bigint;
  v_gone bigint;
  v_last bigint;
  v_unfinished bigint;
begin
  if not pg_try_advisory_xact_lock(7236178, 1) then
    return null;
  end if;
  with chosen as materialized (
    select w.id, w.tenant, case when t.suspended_at is not null then '-infinity'
      else least(v_named, v_now - case when k.keep = v_longest then k.keep * 1.25 else k.keep end) end as before
    from (select id, tenant from wallets where id > p_after order by id limit p_wallets) w
    left join tenants t on t.tenant = w.tenant
    cross join lateral (
      select coalesce(make_interval(secs => (t.settings ->> 'eventRetentionSeconds')::float8), p_keep) as keep) as k
  ), old as materialized (
    select s.id, e.generation, e.seq
    from chosen s
    cross join lateral (
      select created_at from event_rows where wallet_id = s.id order by seq limit 1
    ) as oldest
    cross join lateral (
      select min(c.acked_seq) as seq
      from webhook_endpoints e
      join webhook_cursors c on c.endpoint_id = e.id and c.wallet_id = s.id
      where e.tenant = s.tenant and c.waiting_since is not null and c.set_aside_at is null
        and coalesce(c.failing_since, c.waiting_since) > ledger_clock() - interval '3 days'
    ) as sent
    cross join lateral (
      select generation, seq,
        bool_and(created_at < s.before and seq <= coalesce(sent.seq, seq)) over (order by seq) as is_old
      from (
        select generation, seq, created_at from event_rows
        where wallet_id = s.id and oldest.created_at < s.before
        order by seq limit 100
      ) as first
    ) as e
    where s.before > v_oldest and e.is_old
  ), gone as (
    delete from event_rows e using old where e.generation = old.generation and e.wallet_id = old.id and e.seq = old.seq
    returning e.wallet_id
  )
  select (select count(*) from old), (select count(*) from gone),
    (select max(id) from chosen having count(*) = p_wallets),
    (select min(g.wallet_id) from (
      select wallet_id from gone group by wallet_id having count(*) = 100) as g)
  into v_old, v_gone, v_last, v_unfinished;
  if v_gone <> v_old then
    perform miscounted('event_rows', v_old, v_gone);
  end if;
  return coalesce(v_unfinished - 1, v_last);
end
$$;
