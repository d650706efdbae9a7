-- Deletes events older than p_keep of the p_wallets wallets after p_after. In each wallet it deletes the oldest first,
-- at most 100, and stops at the first event that stays. So a stream never has a hole, even if a wrong clock dated an
-- event, and no lock is held for long. Events that the outbox names stay, and all newer ones. Returns the wallet to
-- continue after. Null: the end is reached, or another process is pruning. Only the first 100 rows of the outbox are
-- read, because an outage can leave millions. Row ids and event times agree within seconds, and the minute covers the
-- difference.
create or replace function prune_events(p_keep interval, p_after bigint, p_wallets integer)
returns bigint language plpgsql security definer set search_path = public, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  v_before timestamptz := least(ledger_clock() - p_keep, (
    select min(e.created_at) - interval '1 minute'
    from (select wallet_ids, after_seqs from outbox order by id limit 100) o
    cross join unnest(o.wallet_ids, o.after_seqs) as p (wallet_id, seq)
    join events e on e.wallet_id = p.wallet_id and e.seq = p.seq + 1));
  v_old bigint;
  v_gone bigint;
  v_last bigint;
  v_unfinished bigint;
begin
  if not pg_try_advisory_xact_lock(7236178, 1) then
    return null;
  end if;
  with chosen as materialized (
    select id from wallets where id > p_after order by id limit p_wallets
  ), old as materialized (
    select s.id, e.seq
    from chosen s
    cross join lateral (
      select created_at from events where wallet_id = s.id order by seq limit 1
    ) as oldest
    cross join lateral (
      select seq, bool_and(created_at < v_before) over (order by seq) as is_old
      from (
        select seq, created_at from events
        where wallet_id = s.id and oldest.created_at < v_before
        order by seq limit 100
      ) as first
    ) as e
    where e.is_old
  ), gone as (
    delete from events e using old where e.wallet_id = old.id and e.seq = old.seq
    returning e.wallet_id
  )
  select (select count(*) from old), (select count(*) from gone),
    (select max(id) from chosen having count(*) = p_wallets),
    (select min(g.wallet_id) from (
      select wallet_id from gone group by wallet_id having count(*) = 100) as g)
  into v_old, v_gone, v_last, v_unfinished;
  if v_gone <> v_old then
    perform miscounted('events', v_old, v_gone);
  end if;
  return coalesce(v_unfinished - 1, v_last);
end
$$;
