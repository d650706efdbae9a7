-- Claims devices whose user's events wait, for the process p_claimed_by, and returns each with its next p_events events.
-- A claim lasts for p_lease. One of a longer time was made by a wrong clock and does not count. At most p_free in all,
-- and p_per_service at one push service, less those of p_in_flight (a count by service). A service that failed p_suspect
-- times in a row gets one attempt at a time. Rows that another process claims are skipped,
-- and so are the devices of a suspended tenant. `before` of a device: the last events before those, by which the sender
-- sees how many came lately.
create or replace function push_claim(
  p_claimed_by uuid, p_free integer, p_in_flight jsonb, p_per_service integer, p_suspect integer, p_lease interval,
  p_events integer
) returns table (
  device_id uuid, service text, wallet_id bigint, tenant text, user_id text, acked_seq bigint, last_seq bigint,
  attempts integer, failing_seconds float8, device json, events json
)
language sql security definer set search_path = public, pg_temp as $$
  with due as materialized (
    select d.id
    from (
      select service, failures from push_services
      where coalesce(retry_at, '-infinity') <= ledger_clock()
      -- So that no service is always the last one.
      order by random()
    ) s
    cross join lateral (
      select c.id from push_devices c
      where c.service = s.service and c.next_attempt_at <= (select ledger_clock())
        and not is_suspended((select w.tenant from wallets w where w.id = c.wallet_id))
        and coalesce(c.claimed_until not between (select ledger_clock()) and (select ledger_clock()) + p_lease, true)
      order by c.next_attempt_at
      limit greatest(0, case when s.failures >= p_suspect then 1 else p_per_service end
        - coalesce((p_in_flight ->> s.service)::integer, 0))
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
