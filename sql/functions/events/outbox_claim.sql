-- The oldest commits that nobody has published or claimed for a while, with their events; claims them.
-- Rows are found by being there, not by a cursor: ids commit out of order. Rows that another process
-- is claiming at this moment are skipped, not waited for. A commit whose events are gone comes with none
-- (null): there is nothing to publish, and its row can go. A claim that is dated further ahead than a claim lasts is
-- one of a clock that was wrong, and holds nobody up.
create or replace function outbox_claim(p_limit integer, p_older_than interval)
returns table (outbox_id bigint, events json)
language sql security definer set search_path = public, pg_temp as $$
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
  -- By itself (offset 0), so that it is a look-up of this stretch and not of the whole stream.
  left join lateral (
    select * from event_stream
    where wallet_id = p.wallet_id and seq > p.after_seq and seq <= p.last_seq offset 0) as s on true
  group by c.id
  order by c.id
$$;
