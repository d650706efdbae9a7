-- The commits that wait are for push notifications too.
alter table webhook_feed rename to delivery_feed;
alter index webhook_feed_pkey rename to delivery_feed_pkey;
alter sequence webhook_feed_id_seq rename to delivery_feed_id_seq;
drop function if exists webhook_mark(integer);

-- Where a user wants to be notified: a browser's subscription. The row is also the cursor of its deliveries, because a
-- device belongs to one user. As with webhook_cursors, there are no foreign keys.
create table push_devices (
  id uuid primary key,
  wallet_id bigint not null,
  -- Names what delivers to it: `web` is Web Push.
  kind text not null check (kind ~ '^[a-z]{1,16}$'),
  -- Where it is reached: the endpoint of a subscription. Who knows it can send to it.
  address text not null,
  -- What encrypts for it.
  keys jsonb not null,
  -- What answers for the address: its origin. A slow one must not delay the others.
  service text not null,
  label text,
  language text not null,
  -- False: its notifications name no amount.
  figures boolean not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  -- It was told of the events up to here.
  acked_seq bigint not null,
  -- The newest published event.
  last_seq bigint not null,
  -- When it may next be tried. Null: nothing waits.
  next_attempt_at timestamptz,
  -- The process that sends now, and until when no other one does. In no index, so that a claim is a cheap update.
  claimed_by uuid,
  claimed_until timestamptz,
  -- Failed attempts of the event after `acked_seq`.
  attempts integer not null default 0,
  failing_since timestamptz,
  last_error text,
  unique (kind, address)
) with (fillfactor = 70);
create index push_devices_of_wallet on push_devices (wallet_id);
create index push_devices_due on push_devices (service, next_attempt_at) where next_attempt_at is not null;

create table push_services (
  service text primary key,
  -- Attempts in a row that it did not answer, or answered with its own failure. After several it is tried less often.
  failures integer not null default 0,
  retry_at timestamptz
);

-- What a user is notified of. Without a row: the defaults of src/deliveries/push.ts.
create table push_settings (
  wallet_id bigint primary key,
  -- `PushRules` of src/deliveries/push.ts, with amounts in minor units.
  rules jsonb,
  -- Minutes of the user's day; null: no quiet hours.
  quiet_from smallint check (quiet_from between 0 and 1439),
  quiet_to smallint check (quiet_to between 0 and 1439),
  time_zone text,
  updated_at timestamptz not null default clock_timestamp(),
  check ((quiet_from is null) = (quiet_to is null) and (quiet_from is null) = (time_zone is null)),
  check (quiet_from <> quiet_to)
);

-- Pages that show a user's wallet now. Meanwhile no device is notified.
create table push_visible (
  wallet_id bigint not null,
  tab uuid not null,
  until timestamptz not null,
  primary key (wallet_id, tab)
);
