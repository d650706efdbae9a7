-- Records what the process p_claimed_by sent, and returns the users whom it may go on with. p_results has an element
-- for each user: `endpoint`, `wallet`, `acked` (the endpoint has the events up to here), `outcome` and, for
-- webhook_attempts, `attempt`. Outcomes: `underway` renews the lease; `done` ends it; `failed` tries again after
-- `retryMs`; `set_aside` waits for a replay. A user whom the process holds no more is left as it is.
create or replace function webhook_record(p_claimed_by uuid, p_results json, p_lease interval, p_suspect integer)
returns table (endpoint_id uuid, wallet_id bigint)
language plpgsql security definer set search_path = public, pg_temp set enable_seqscan = off
set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
#variable_conflict use_column
declare
  v_now timestamptz := ledger_clock();
begin
  return query
  with results as materialized (
    select * from json_to_recordset(p_results) as r (endpoint uuid, wallet bigint, acked bigint, outcome text,
      "retryMs" float8, error text)
  ), held as materialized (
    select c.endpoint_id, c.wallet_id, coalesce(c.moved_to, r.acked) as acked, r.error,
      case when c.moved_to is not null then 'done'
        when r.outcome = 'underway' and (e.paused_at is not null or is_suspended(e.tenant)) then 'done'
        else r.outcome end as outcome,
      make_interval(secs => r."retryMs" / 1000) as pause
    from results r
    join webhook_cursors c on c.endpoint_id = r.endpoint and c.wallet_id = r.wallet
    join webhook_endpoints e on e.id = r.endpoint
    where c.claimed_by = p_claimed_by
    order by c.endpoint_id, c.wallet_id
    for no key update of c
  ), written as (
    update webhook_cursors c set
      acked_seq = h.acked,
      moved_to = null,
      claimed_by = case when h.outcome = 'underway' then p_claimed_by end,
      claimed_until = case when h.outcome = 'underway' then v_now + p_lease end,
      next_attempt_at = case h.outcome
        when 'underway' then c.next_attempt_at
        when 'failed' then v_now + h.pause
        when 'done' then case when c.last_seq > h.acked then v_now end
      end,
      -- Failures count for the event after acked_seq, so an event that was delivered begins a new count.
      attempts = case when h.outcome not in ('failed', 'set_aside') then 0
        when h.acked > c.acked_seq then 1 else c.attempts + 1 end,
      failing_since = case when h.outcome not in ('failed', 'set_aside') then null
        when h.acked > c.acked_seq then v_now else coalesce(c.failing_since, v_now) end,
      last_error = h.error,
      set_aside_at = case when h.outcome = 'set_aside' then v_now end,
      waiting_since = case when c.last_seq > h.acked then coalesce((
        select e.created_at from events_between(c.wallet_id, h.acked, h.acked + 1) e), v_now) end
    from held h
    where c.endpoint_id = h.endpoint_id and c.wallet_id = h.wallet_id
    returning c.endpoint_id, c.wallet_id, h.outcome
  )
  select w.endpoint_id, w.wallet_id from written w where w.outcome = 'underway';

  insert into webhook_attempts (endpoint_id, user_id, from_seq, to_seq, delivered, status, error, duration_ms)
  select r.endpoint, w.user_id, a."fromSeq", a."toSeq", a.delivered, a.status, a.error, a."durationMs"
  from json_to_recordset(p_results) as r (endpoint uuid, wallet bigint, attempts json)
  join wallets w on w.id = r.wallet
  join webhook_endpoints e on e.id = r.endpoint
  cross join lateral json_to_recordset(r.attempts) as a ("fromSeq" bigint, "toSeq" bigint, delivered boolean,
    status integer, error text, "durationMs" integer);

  perform webhook_judge(r.endpoint, bool_or(a.delivered), count(*) filter (where not a.delivered), p_suspect)
  from json_to_recordset(p_results) as r (endpoint uuid, attempts json)
  cross join lateral json_to_recordset(r.attempts) as a (delivered boolean)
  group by r.endpoint
  order by r.endpoint;
end
$$;
