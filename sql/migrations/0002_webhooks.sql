-- Where a tenant's events are sent by HTTP. `secret` signs the deliveries. During a rotation `previous_secret` signs
-- them too.
create table webhook_endpoints (
  id uuid primary key,
  tenant tenant_name not null,
  url text not null,
  description text,
  -- Null: every event.
  events text[],
  -- Null: every user of the tenant.
  user_ids text[],
  secret text not null,
  previous_secret text,
  previous_secret_until timestamptz,
  paused_at timestamptz,
  paused_reason text check (paused_reason in ('admin', 'gone')),
  -- Events of this time and later are sent. A user who is added later begins at that later time.
  begins_at timestamptz not null default clock_timestamp(),
  -- The newest commit in webhook_feed at that moment. A time alone would not do, because the clock may be set back.
  begins_after bigint not null,
  -- Attempts in a row that failed, over all users. After several, the endpoint is tried less often.
  failures integer not null default 0,
  retry_at timestamptz,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  check ((previous_secret is null) = (previous_secret_until is null)),
  check ((paused_at is null) = (paused_reason is null))
);
create index webhook_endpoints_of_tenant on webhook_endpoints (tenant, id);

-- Commits whose events are published, on their way to the cursors of endpoints. They are as in `outbox`, and wait here
-- for a process that sends, so that a payment costs one row, and many changes of a user one update of a cursor.
create table webhook_feed (
  id bigint generated always as identity primary key,
  wallet_ids bigint[] not null,
  after_seqs bigint[] not null,
  last_seqs bigint[] not null,
  at timestamptz not null default clock_timestamp()
);

-- How far an endpoint has the events of a user. Foreign keys would lock the rows of the endpoint and the wallet with
-- each commit. webhook_tidy() deletes what is left of an endpoint.
create table webhook_cursors (
  endpoint_id uuid not null,
  wallet_id bigint not null,
  -- The endpoint has the events up to here.
  acked_seq bigint not null,
  -- The newest published event.
  last_seq bigint not null,
  -- Where a replay goes on, once the delivery under way has ended.
  moved_to bigint,
  -- When it may next be tried. Null: nothing waits, or it is set aside.
  next_attempt_at timestamptz,
  -- The process that sends now, and until when no other one does. In no index, so that a claim is a cheap update.
  claimed_by uuid,
  claimed_until timestamptz,
  -- Failed attempts of the event after `acked_seq`.
  attempts integer not null default 0,
  failing_since timestamptz,
  last_error text,
  -- The time of the oldest event that was not sent. Null: nothing waits.
  waiting_since timestamptz,
  set_aside_at timestamptz,
  primary key (endpoint_id, wallet_id)
) with (fillfactor = 70);
create index webhook_cursors_due on webhook_cursors (endpoint_id, next_attempt_at) where next_attempt_at is not null;
create index webhook_cursors_failing on webhook_cursors (endpoint_id) where failing_since is not null;

-- The last attempts of each endpoint. A row stands for several events that were delivered one after another.
create table webhook_attempts (
  id bigint generated always as identity primary key,
  endpoint_id uuid not null,
  user_id text not null,
  from_seq bigint not null,
  to_seq bigint not null,
  delivered boolean not null,
  -- Of the last answer; null if there was none.
  status integer,
  error text,
  duration_ms integer not null,
  at timestamptz not null default clock_timestamp()
);
create index webhook_attempts_of_endpoint on webhook_attempts (endpoint_id, id);

-- It returns a number now.
drop function if exists outbox_acknowledge(bigint[]);
