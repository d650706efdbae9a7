-- The events of a wallet with p_after < seq <= p_until, found by the keys of event_rows: a row with one of them has its
-- last seq after p_after, and at most three after p_until, because a row names at most four. Postgres inlines the body.
create or replace function events_between(p_wallet bigint, p_after bigint, p_until bigint) returns setof events
language sql stable as $$
  select e.* from events e
  where e.wallet_id = p_wallet and e.last_seq > p_after and e.last_seq <= least(p_until, 9223372036854775804) + 3
    and e.seq > p_after and e.seq <= p_until
$$;
