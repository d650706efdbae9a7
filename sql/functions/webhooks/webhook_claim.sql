-- Claims users whose events wait at an endpoint, for the process p_claimed_by, and returns each with its next p_events
-- events. A claim lasts for p_lease. One of a longer time was made by a wrong clock and does not count. At most p_free in
-- all, and p_per_endpoint at one endpoint, less those of p_in_flight (a count by endpoint id). An endpoint that failed
-- p_suspect times in a row gets one attempt at a time. Rows that another process claims are skipped, and so are the
-- endpoints of a suspended tenant.
--
-- Eight times p_per_endpoint places are shared: a tenant has at most as many as are still free, and an endpoint half of
-- what its tenant may still take. So those whose receivers are slow leave places to the others, however many they are.
create or replace function webhook_claim(
  p_claimed_by uuid, p_free integer, p_in_flight jsonb, p_per_endpoint integer, p_suspect integer, p_lease interval,
  p_events integer
) returns table (
  endpoint_id uuid, wallet_id bigint, tenant text, user_id text, acked_seq bigint, last_seq bigint, attempts integer,
  failing_seconds float8, endpoint json, events json
)
language sql security definer set search_path = public, pg_temp set enable_seqscan = off
set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
  with places as materialized (
    select 8 * p_per_endpoint - coalesce(sum(f.value::integer), 0)::integer as free from jsonb_each_text(p_in_flight) f
  ), ready as materialized (
    select e.id, e.tenant, e.failures, coalesce((p_in_flight ->> e.id::text)::integer, 0) as has
    from webhook_endpoints e
    where e.paused_at is null and not is_suspended(e.tenant) and coalesce(e.retry_at, '-infinity') <= ledger_clock()
      and exists (
        select from webhook_cursors c
        where c.endpoint_id = e.id and c.next_attempt_at <= (select ledger_clock())
          and coalesce(c.claimed_until not between (select ledger_clock()) and (select ledger_clock()) + p_lease, true))
  ), tenant_shares as (
    select t.tenant, greatest(case when t.has = 0 then 1 else 0 end, (p.free - t.has) / (1 + count(*) over ())) as share
    from places p, (
      -- Those that are paused or failing count too.
      select e.tenant, coalesce(sum((p_in_flight ->> e.id::text)::integer), 0)::integer as has
      from webhook_endpoints e where e.tenant in (select tenant from ready) group by e.tenant
    ) t
    where t.has < p.free
  ), shares as (
    select r.id, case when r.failures >= p_suspect then 1 - r.has else least(p_per_endpoint - r.has, greatest(
      case when r.has = 0 then 1 else 0 end, (t.share - r.has) / (1 + count(*) over (partition by r.tenant)))) end
      as share
    from ready r join tenant_shares t on t.tenant = r.tenant
    where 2 * r.has < t.share
    -- So that no endpoint is always the last one.
    order by random()
  ), due as materialized (
    select d.endpoint_id, d.wallet_id
    from shares s
    cross join lateral (
      select c.endpoint_id, c.wallet_id from webhook_cursors c
      where c.endpoint_id = s.id and c.next_attempt_at <= (select ledger_clock())
        and coalesce(c.claimed_until not between (select ledger_clock()) and (select ledger_clock()) + p_lease, true)
      order by c.next_attempt_at
      limit greatest(0, s.share)
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
