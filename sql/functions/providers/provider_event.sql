-- Records an event of a payment provider and applies it, in one transaction: whoever repeats an event after a crash
-- finds that both happened, or neither. p_event has columns of provider_events, p_rules says how refunds and disputes
-- are taken: {"refunds": "adjustment" or "hold", "disputes": the same}. `applied` has a row of ledger_apply() for each
-- command that it led to. An event that is known already gets its first outcome again.
create or replace function provider_event(p_event json, p_rules json)
returns table (id uuid, outcome provider_outcome, reason text, repeated boolean, applied jsonb)
language plpgsql security definer
set search_path = public, pg_temp set lock_timeout = '500ms' as $$
#variable_conflict use_column
declare
  received provider_events := json_populate_record(null::provider_events, p_event);
  v_now constant timestamptz := ledger_clock();
  v_parked text;
begin
  -- Two events of one payment never overlap, so that neither misses the other.
  perform pg_advisory_xact_lock(hashtextextended(received.provider || ' ' || received.payment_id, 0));
  insert into provider_events (provider, event_id, id, kind, payment_id, dispute_id, tenant, topup_id, amount, currency,
    is_total, detail, received_at)
  values (received.provider, received.event_id, uuid_at(v_now), received.kind, received.payment_id,
    received.dispute_id, received.tenant, received.topup_id, received.amount, received.currency,
    coalesce(received.is_total, false), received.detail, v_now)
  on conflict do nothing;
  repeated := not found;
  applied := '[]';
  if not repeated then
    applied := apply_provider_event(received.provider, received.event_id, p_rules);
    -- The opening of a dispute goes before its end, whichever came first.
    for v_parked in
      select e.event_id from provider_events as e
      where e.provider = received.provider and e.payment_id = received.payment_id and e.outcome = 'parked'
        and e.event_id <> received.event_id
      order by e.kind in ('dispute_won', 'dispute_lost'), e.id
    loop
      applied := applied || apply_provider_event(received.provider, v_parked, p_rules);
    end loop;
  end if;
  select e.id, e.outcome, e.reason into id, outcome, reason
  from provider_events as e where e.provider = received.provider and e.event_id = received.event_id;
  return next;
end
$$;
