-- Claims users whose events wait at an endpoint, for the process p_claimed_by, and returns each with its next p_events
-- events. A claim lasts for p_lease. One of a longer time was made by a wrong clock and does not count. At most p_free in all, and p_per_endpoint at one endpoint,
-- less those of p_in_flight (a count by endpoint id). An endpoint that failed p_suspect times in a row gets one attempt
-- at a time. Rows that another process claims are skipped, and so are the endpoints of a suspended tenant.
create or replace function webhook_claim(
  p_claimed_by uuid, p_free integer, p_in_flight jsonb, p_per_endpoint integer, p_suspect integer, p_lease interval,
  p_events integer
) returns table (
  endpoint_id uuid, wallet_id bigint, tenant text, user_id text, acked_seq bigint, last_seq bigint, attempts integer,
  failing_seconds float8, endpoint json, events json
)
language sql security definer set search_path = public, pg_temp as $$
  with due as materialized (
    select d.endpoint_id, d.wallet_id
    from (
      select id, failures from webhook_endpoints
      where paused_at is null and not is_suspended(tenant) and coalesce(retry_at, '-infinity') <= ledger_clock()
      -- So that no endpoint is always the last one.
      order by random()
    ) e
    cross join lateral (
      select c.endpoint_id, c.wallet_id from webhook_cursors c
      where c.endpoint_id = e.id and c.next_attempt_at <= (select ledger_clock())
        and coalesce(c.claimed_until not between (select ledger_clock()) and (select ledger_clock()) + p_lease, true)
      order by c.next_attempt_at
      limit greatest(0, case when e.failures >= p_suspect then 1 else p_per_endpoint end
        - coalesce((p_in_flight ->> e.id::text)::integer, 0))
      for update skip locked
    ) d
    limit p_free
  ), claimed as (
    update webhook_cursors c set claimed_by = p_claimed_by, claimed_until = ledger_clock() + p_lease
    from due
    where c.endpoint_id = due.endpoint_id and c.wallet_id = due.wallet_id
    returning c.*
  )
  select c.endpoint_id, c.wallet_id, w.tenant, w.user_id, c.acked_seq, c.last_seq, c.attempts,
    extract(epoch from ledger_clock() - c.failing_since)::float8,
    json_build_object('id', e.id, 'url', e.url, 'secret', e.secret, 'events', e.events, 'previousSecret',
      case when e.previous_secret_until > ledger_clock() then e.previous_secret end),
    (select json_agg(s order by s.seq) from (
      select * from stream_between(c.wallet_id, page.after, least(page.after + p_events, c.last_seq))
      offset 0) as s)
  from claimed c
  join webhook_endpoints e on e.id = c.endpoint_id
  join wallets w on w.id = c.wallet_id
  -- Older events may be gone. If all are, there is no page.
  left join lateral (
    select greatest(c.acked_seq, r.seq - cardinality(r.events)) as after from event_rows r
    where r.wallet_id = c.wallet_id and r.seq > c.acked_seq order by r.seq limit 1
  ) page on true
$$;
