-- Claims the oldest commits that were not claimed within p_older_than, and returns them with their events. Ids commit
-- out of order, so rows are not found by a cursor. Rows that another process is claiming are skipped. If the events of
-- a commit are gone, its events are null and the caller removes the row. A claim dated further ahead than p_older_than
-- was made by a wrong clock, and does not count.
create or replace function outbox_claim(p_limit integer, p_older_than interval)
returns table (outbox_id bigint, events json)
language sql security definer set search_path = public, pg_temp
-- The plan may be made while the tables are empty, and read them whole once they are full.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
  with claimed as (
    update outbox set claimed_at = ledger_clock()
    where id in (
      select id from outbox
      where claimed_at not between ledger_clock() - p_older_than and ledger_clock() + p_older_than
      order by id limit p_limit for update skip locked)
    returning id, wallet_ids, after_seqs, last_seqs
  )
  select c.id, json_agg(s order by s.wallet_id, s.seq) filter (where s.seq is not null)
  from claimed c
  cross join lateral unnest(c.wallet_ids, c.after_seqs, c.last_seqs) as p (wallet_id, after_seq, last_seq)
  -- `offset 0` keeps Postgres from merging the subquery, so that it looks up only these events.
  left join lateral (
    select * from stream_between(p.wallet_id, p.after_seq, p.last_seq) offset 0) as s on true
  group by c.id
  order by c.id
$$;
