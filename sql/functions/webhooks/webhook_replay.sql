-- Sends a user's events after p_after_seq to an endpoint, again or for the first time. A delivery under way ends first.
-- Null as p_after_seq: goes on after the last event that the endpoint has. A seq that no event has yet counts as the newest.
create or replace function webhook_replay(p_endpoint_id uuid, p_wallet_id bigint, p_after_seq bigint) returns void
language sql security definer set search_path = public, pg_temp as $$
  insert into webhook_cursors as c (endpoint_id, wallet_id, acked_seq, last_seq, next_attempt_at, waiting_since)
  select p_endpoint_id, w.id, least(coalesce(p_after_seq, w.seq), w.seq), w.seq,
    case when w.seq > p_after_seq then ledger_clock() end, case when w.seq > p_after_seq then ledger_clock() end
  from wallets w where w.id = p_wallet_id and stays_here(w.tenant)
  on conflict (endpoint_id, wallet_id) do update set
    acked_seq = case when p_after_seq is null or c.claimed_by is not null then c.acked_seq else excluded.acked_seq end,
    moved_to = case when p_after_seq is null then c.moved_to when c.claimed_by is not null then excluded.acked_seq end,
    last_seq = greatest(c.last_seq, excluded.last_seq),
    next_attempt_at = case
      when c.claimed_by is not null then c.next_attempt_at
      when excluded.last_seq > case when p_after_seq is null then c.acked_seq else excluded.acked_seq end
        then ledger_clock() end,
    attempts = 0, failing_since = null, last_error = null, set_aside_at = null,
    waiting_since = case
      when excluded.last_seq > case when p_after_seq is null then c.acked_seq else excluded.acked_seq end
        then ledger_clock() end
$$;
