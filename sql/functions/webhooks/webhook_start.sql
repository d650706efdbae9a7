-- The seq after which an endpoint begins with a user: the newest one of before p_begins_at, at most p_after. Commits are
-- acknowledged in any order, so an older one of the same user may come later. Looks back from p_after, so it reads only
-- the events since p_begins_at.
create or replace function webhook_start(p_wallet_id bigint, p_after bigint, p_begins_at timestamptz) returns bigint
language sql stable security definer set search_path = public, pg_temp as $$
  select coalesce(
    -- A row names at most four events.
    (select least(seq, p_after) from event_rows
     where wallet_id = p_wallet_id and seq <= p_after + 3 and seq - cardinality(events) < p_after
       and created_at < p_begins_at
     order by seq desc limit 1),
    (select least(seq - cardinality(events), p_after) from event_rows where wallet_id = p_wallet_id
     order by seq limit 1),
    p_after)
$$;
