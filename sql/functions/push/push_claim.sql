-- Claims devices whose user's events wait, for the process p_claimed_by, and returns each with its next p_events events.
-- A claim lasts for p_lease. One of a longer time was made by a wrong clock and does not count. At most p_free in all,
-- and p_per_service at one push service, less those of p_in_flight (a count by service). A service that failed p_suspect
-- times in a row gets one attempt at a time. Rows that another process claims are skipped,
-- and so are the devices of a suspended tenant. `before` of a device: the last events before those, by which the sender
-- sees how many came lately.
--
-- Eight times p_per_service places are shared: a service has at most half as many as are still free, so that slow ones
-- leave places to the others. See webhook_claim().
create or replace function push_claim(
  p_claimed_by uuid, p_free integer, p_in_flight jsonb, p_per_service integer, p_suspect integer, p_lease interval,
  p_events integer
) returns table (
  device_id uuid, service text, wallet_id bigint, tenant text, user_id text, acked_seq bigint, last_seq bigint,
  attempts integer, failing_seconds float8, device json, events json
)
language sql security definer set search_path = public, pg_temp set enable_seqscan = off
set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
  with places as materialized (
    select 8 * p_per_service - coalesce(sum(f.value::integer), 0)::integer as free from jsonb_each_text(p_in_flight) f
  ), ready as materialized (
    select s.service, s.failures, coalesce((p_in_flight ->> s.service)::integer, 0) as has from push_services s
    where coalesce(s.retry_at, '-infinity') <= ledger_clock()
      and exists (
        select from push_devices c
        where c.service = s.service and c.next_attempt_at <= (select ledger_clock())
          and coalesce(c.claimed_until not between (select ledger_clock()) and (select ledger_clock()) + p_lease, true))
  ), shares as (
    select r.service, case when r.failures >= p_suspect then 1 - r.has else least(p_per_service - r.has, greatest(
      case when r.has = 0 then 1 else 0 end, (p.free - r.has) / (1 + count(*) over ()))) end as share
    from ready r, places p
    where 2 * r.has < p.free
    -- So that no service is always the last one.
    order by random()
  ), due as materialized (
    select d.id
    from shares s
    cross join lateral (
      select c.id from push_devices c
      where c.service = s.service and c.next_attempt_at <= (select ledger_clock())
        and not is_suspended((select w.tenant from wallets w where w.id = c.wallet_id))
        and coalesce(c.claimed_until not between (select ledger_clock()) and (select ledger_clock()) + p_lease, true)
      order by c.next_attempt_at
      limit greatest(0, s.share)
      for update skip locked
    ) d
    limit p_free
  ), claimed as (
    update push_devices c set claimed_by = p_claimed_by, claimed_until = ledger_clock() + p_lease
    from due where c.id = due.id
    returning c.*
  )
  select c.id, c.service, c.wallet_id, w.tenant, w.user_id, c.acked_seq, c.last_seq, c.attempts,
    extract(epoch from ledger_clock() - c.failing_since)::float8,
    json_build_object('id', c.id, 'kind', c.kind, 'address', c.address, 'keys', c.keys, 'language', c.language,
      'figures', c.figures, 'rules', s.rules,
      'quietHours', case when s.quiet_from is not null
        then json_build_object('from', s.quiet_from, 'to', s.quiet_to, 'timeZone', s.time_zone) end,
      'visible', exists (select from push_visible v where v.wallet_id = c.wallet_id and v.until > ledger_clock()),
      'before', (select json_agg(e order by e.seq)
        from stream_between(c.wallet_id, greatest(c.acked_seq - 12, 0), c.acked_seq) e)),
    (select json_agg(e order by e.seq) from (
      select * from stream_between(c.wallet_id, page.after, least(page.after + p_events, c.last_seq))
      offset 0) as e)
  from claimed c
  join wallets w on w.id = c.wallet_id
  left join push_settings s on s.wallet_id = c.wallet_id
  -- Older events may be gone. If all are, there is no page.
  left join lateral (
    select greatest(c.acked_seq, r.seq - cardinality(r.events)) as after from event_rows r
    where r.wallet_id = c.wallet_id and r.seq > c.acked_seq order by r.seq limit 1
  ) page on true
$$;
