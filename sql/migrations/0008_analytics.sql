-- Roll-ups of the ledger for admins. Only the functions in sql/functions/analytics write the rows. Times are UTC. A
-- quarter of an hour is the finest grain, because every time zone of today is a multiple of it away from UTC.
--
-- Every row belongs to a generation. Answers read the one that analytics_state names. A rebuild writes the next one, and
-- at its end the name changes. So an answer never mixes the two.

create table analytics_state (
  singleton boolean primary key default true check (singleton),
  -- 0: nothing is built yet. A database without wallets has nothing to build.
  generation integer not null,
  -- What was published before this moment is in the roll-ups.
  rolled_at timestamptz,
  -- The newest row of analytics_feed that was taken. Far behind the newest of all, nothing more is written to the feed,
  -- and `behind` says so: then the wallets are found by their `seq`.
  taken_to bigint not null default 0,
  behind boolean not null default false,
  -- The rebuild under way: its generation, a name that only the process which runs it knows, and its last sign of life.
  building integer,
  build_id uuid,
  build_seen_at timestamptz
);
insert into analytics_state (generation, rolled_at)
select case when exists (select from wallets) then 0 else 1 end,
  case when not exists (select from wallets) then clock_timestamp() end;

-- Wallets with published events that may not be in the roll-ups: a row for each call of outbox_acknowledge(). Rows are
-- taken by existence, so a commit that comes late is not missed.
create table analytics_feed (
  id bigint generated always as identity primary key,
  wallet_ids bigint[] not null
);

-- How far the events of a wallet are in the roll-ups, and when it first and last had an entry and a topup.
create table analytics_cursors (
  generation integer not null,
  wallet_id bigint not null,
  tenant text not null,
  seq bigint not null,
  first_entry_at timestamptz,
  last_entry_at timestamptz,
  first_topup_at timestamptz,
  primary key (generation, wallet_id)
) with (fillfactor = 80);
create index analytics_cursors_by_last_entry on analytics_cursors (generation, tenant, last_entry_at, wallet_id)
  where last_entry_at is not null;
create index analytics_cursors_by_first_entry on analytics_cursors (generation, tenant, first_entry_at, wallet_id)
  where first_entry_at is not null;

-- What one wallet did on one day. From these rows come the users of a bucket, each counted once.
create table analytics_days (
  generation integer not null,
  wallet_id bigint not null,
  tenant text not null,
  currency text not null,
  day date not null,
  type transaction_type not null,
  -- `pending`: money was set aside by a hold or a withdrawal.
  status transaction_status not null,
  transactions integer not null,
  -- Sums of absolute and of signed amounts, in minor units.
  volume numeric not null,
  net numeric not null,
  fees numeric not null,
  largest bigint not null,
  -- A bit for each quarter of an hour in which there was one.
  quarters bit(96) not null,
  primary key (generation, wallet_id, currency, day, type, status)
) with (fillfactor = 80);
-- Movers are summed from the index alone.
create index analytics_days_of_tenant on analytics_days (generation, tenant, currency, day)
  include (wallet_id, status, net);

-- Open holds and withdrawals as they are in the roll-ups.
create table analytics_open (
  generation integer not null,
  transaction_id uuid not null,
  wallet_id bigint not null,
  amount bigint not null,
  primary key (generation, transaction_id)
);

-- The roll-ups, at three grains.
create table analytics_buckets (
  generation integer not null,
  tenant text not null,
  currency text not null,
  minutes smallint not null check (minutes in (15, 60, 1440)),
  at timestamptz not null,
  type transaction_type not null,
  status transaction_status not null,
  transactions bigint not null,
  volume numeric not null,
  net numeric not null,
  fees numeric not null,
  largest bigint not null,
  users bigint not null,
  -- Of a quarter or an hour: how many of the users were also in the bucket before, in one of the two before, and so on.
  -- So the users of any span of buckets are a sum: of each bucket those that were in none before it in the span.
  seen_before integer[],
  -- Added to what is held by holds and withdrawals.
  held numeric not null,
  -- Of topups and withdrawals: the time from the request to the decision, summed, and counted by bin.
  waited_us numeric not null,
  waits bigint[],
  primary key (generation, tenant, currency, minutes, at, type, status)
) with (fillfactor = 80);

-- Users with an entry, whatever its type.
create table analytics_users (
  generation integer not null,
  tenant text not null,
  currency text not null,
  minutes smallint not null,
  at timestamptz not null,
  users bigint not null,
  seen_before integer[],
  primary key (generation, tenant, currency, minutes, at)
) with (fillfactor = 80);

-- Wallets by the month and the week of UTC of their first topup, in any currency.
create table analytics_cohorts (
  generation integer not null,
  tenant text not null,
  unit text not null check (unit in ('month', 'week')),
  cohort date not null,
  users bigint not null,
  primary key (generation, tenant, unit, cohort)
) with (fillfactor = 80);

-- What they did in each month or week from then on: how many had an entry in a currency, and the sum of the amounts.
create table analytics_cohort_periods (
  generation integer not null,
  tenant text not null,
  currency text not null,
  unit text not null check (unit in ('month', 'week')),
  cohort date not null,
  period date not null,
  users bigint not null,
  volume numeric not null,
  primary key (generation, tenant, currency, unit, cohort, period)
) with (fillfactor = 80);

-- What one wallet adds to one quarter of an hour. The columns are those of analytics_buckets.
create type analytics_part as (
  wallet_id bigint,
  tenant text,
  currency text,
  at timestamptz,
  type transaction_type,
  status transaction_status,
  transactions bigint,
  volume numeric,
  net numeric,
  fees numeric,
  largest bigint,
  held numeric,
  waited_us numeric,
  waits bigint[]
);

-- Counts that leave no row in the ledger: refused commands, and what connections did. Each process writes its own rows,
-- the whole count of the hour each time, so that a repeated write adds nothing.
create table analytics_counts (
  at timestamptz not null,
  -- Empty: of no tenant.
  tenant text not null,
  -- What is counted (`refusals`, `events`, `connections` …), and the value of its label (a reason, a transport).
  name text not null,
  label text not null,
  currency text not null,
  -- Zeros: all processes, joined later.
  process uuid not null,
  count bigint not null,
  amount numeric not null default 0,
  primary key (tenant, name, at, label, currency, process)
);
create index analytics_counts_by_process on analytics_counts (process, at);
