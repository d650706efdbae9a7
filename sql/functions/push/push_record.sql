-- Records what the process p_claimed_by sent, and returns the devices that it may go on with. p_results has an element
-- for each device: `device`, `acked` (it was told of the events up to here), `outcome`, and of its service, `unanswered`
-- and `answered` (counts of attempts). Outcomes: `underway` renews the lease; `done` ends it; `failed` tries again after
-- `retryMs`; `waits` does so too, and is no failure. A device that the process holds no more is left as it is.
create or replace function push_record(p_claimed_by uuid, p_results json, p_lease interval, p_suspect integer)
returns table (device_id uuid)
language plpgsql security definer set search_path = public, pg_temp set enable_seqscan = off
set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
  v_now timestamptz := ledger_clock();
begin
  return query
  with results as materialized (
    select * from json_to_recordset(p_results) as r (device uuid, acked bigint, outcome text, "retryMs" float8,
      error text)
  ), held as materialized (
    select d.id, r.acked, r.outcome, r.error, make_interval(secs => r."retryMs" / 1000) as pause
    from results r join push_devices d on d.id = r.device
    where d.claimed_by = p_claimed_by
    order by d.id
    for no key update of d
  ), written as (
    update push_devices d set
      acked_seq = h.acked,
      claimed_by = case when h.outcome = 'underway' then p_claimed_by end,
      claimed_until = case when h.outcome = 'underway' then v_now + p_lease end,
      next_attempt_at = case h.outcome
        when 'underway' then d.next_attempt_at
        when 'done' then case when d.last_seq > h.acked then v_now end
        else v_now + h.pause
      end,
      -- Failures count for the event after acked_seq, so an event that was delivered begins a new count.
      attempts = case when h.outcome <> 'failed' then 0 when h.acked > d.acked_seq then 1 else d.attempts + 1 end,
      failing_since = case when h.outcome <> 'failed' then null
        when h.acked > d.acked_seq then v_now else coalesce(d.failing_since, v_now) end,
      last_error = h.error
    from held h
    where d.id = h.id
    returning d.id, h.outcome
  )
  select w.id from written w where w.outcome = 'underway';

  perform push_judge(d.service, sum(r.answered) > 0, sum(r.unanswered), p_suspect)
  from json_to_recordset(p_results) as r (device uuid, answered bigint, unanswered bigint)
  join push_devices d on d.id = r.device
  where r.answered + r.unanswered > 0
  group by d.service
  order by d.service;
end
$$;
