-- Forgets events older than p_keep, of the p_wallets wallets after p_after: each wallet's oldest first
-- and at most 100 at once, so that a stream is at every moment a stretch without a hole, and no lock is
-- held for long. What the outbox still names stays, and everything newer than it. Returns where to go on;
-- null at the end, or while another process is at it.
-- The oldest of the outbox are looked for among its first rows, for in an outage there are millions: rows are
-- numbered within seconds of the time of their events, which the minute leaves room for.
create or replace function prune_events(p_keep interval, p_after bigint, p_wallets integer)
returns bigint language plpgsql security definer set search_path = public, pg_temp as $$
declare
  -- Events are written in the order of their time, so a time stands for a place in every stream.
  v_before timestamptz := least(clock_timestamp() - p_keep, (
    select min(e.created_at) - interval '1 minute'
    from (select wallet_ids, after_seqs from outbox order by id limit 100) o
    cross join unnest(o.wallet_ids, o.after_seqs) as p (wallet_id, seq)
    join events e on e.wallet_id = p.wallet_id and e.seq = p.seq + 1));
  v_last bigint;
  v_unfinished bigint;
begin
  if not pg_try_advisory_xact_lock(7236178, 1) then
    return null;
  end if;
  with chosen as materialized (
    select id from wallets where id > p_after order by id limit p_wallets
  ), old as materialized (
    select s.id, e.place
    from chosen s
    cross join lateral (
      select created_at from events where wallet_id = s.id order by seq limit 1
    ) as oldest
    cross join lateral (
      select ctid as place, created_at from events
      where wallet_id = s.id and oldest.created_at < v_before
      order by seq limit 100
    ) as e
    where e.created_at < v_before
  ), gone as (
    -- By their place, which no event ever changes: a join would read the whole of a long stream.
    delete from events where ctid = any (array(select place from old)) returning wallet_id
  )
  select (select max(id) from chosen having count(*) = p_wallets),
    (select min(g.wallet_id) from (
      select wallet_id from gone group by wallet_id having count(*) = 100) as g)
  into v_last, v_unfinished;
  return coalesce(v_unfinished - 1, v_last);
end
$$;
