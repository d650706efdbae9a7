-- The events of events_between(), with their user, as in event_stream. Postgres inlines the body.
create or replace function stream_between(p_wallet bigint, p_after bigint, p_until bigint) returns setof event_stream
language sql stable as $$
  select e.wallet_id, w.tenant::text, w.user_id::text, e.seq, e.event, e.currency, e.new_balance,
    e.previous_balance, e.transaction_id, e.transaction_type, e.status, e.amount, e.details,
    e.traceparent, e.created_at
  from events_between(p_wallet, p_after, p_until) e join wallets w on w.id = e.wallet_id
$$;
