-- The ledger's tables. Amounts are integers in the currency's minor unit, at most 2^53 - 1, so that
-- every one of them is exact in JSON too. Only ledger_apply() writes the rows.
--
-- The hot tables (entries, events, transactions) have no foreign keys: each would lock its parent row
-- on every insert, and the system accounts are every insert's parent. audit() proves what they would.

-- Enums and domains rather than CHECKs where rows are written at speed: Postgres reads a table's CHECKs
-- anew for every statement that writes to it (each costs 1 to 8 microseconds), a domain's once.

-- Characters that are no white space and no control characters. Not `\s`: it depends on the database's locale.
create domain tenant_name as text check (length(value) between 1 and 64 and value not in ('.', '..') and value !~
  '[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]');
create domain user_name as text check (length(value) between 1 and 255 and value not in ('.', '..') and value !~
  '[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]');
-- Minor units: of a balance, and of an amount as its user sees it.
create domain minor_units as bigint check (value between 0 and 9007199254740991);
create domain signed_units as bigint check (value between -9007199254740991 and 9007199254740991);
create type transaction_type as enum
  ('topup', 'booking_payment', 'refund', 'admin_adjustment', 'transfer', 'withdrawal', 'hold', 'split');
create type transaction_status as enum ('pending', 'success', 'failed', 'cancelled', 'expired');
create type event_name as enum ('balance_updated', 'balance_insufficient', 'transaction_completed',
  'transaction_failed', 'balance_alert', 'wallet_frozen', 'wallet_unfrozen', 'available_changed', 'hold_exhausted',
  'hold_expiring', 'auto_topup_paused');
create type side as enum ('below', 'above');
-- What a capture above the rest of its hold takes: nothing, or the missing amount from the available balance.
create type overage as enum ('refuse', 'balance');
-- Of a hold: what its captures took so far, and the `seq` of the events that told of its end.
create type hold_state as (
  captured bigint,
  overage overage,
  -- Of `hold_exhausted` and `hold_expiring`. Null: not told, or not since the hold was extended.
  exhausted_seq bigint,
  expiring_seq bigint
);

-- One row. `epoch` names this database's life: event ids begin with it, so that ids handed out by a
-- database that was since replaced or restored are told apart from this one's.
create table meta (
  singleton boolean primary key default true check (singleton),
  epoch text not null check (epoch ~ '^[A-Za-z0-9]{4,32}$'),
  created_at timestamptz not null default clock_timestamp()
);
insert into meta (epoch) values (left(replace(gen_random_uuid()::text, '-', ''), 12));

create table currencies (
  code text primary key check (code ~ '^[A-Z]{3}$'),
  decimals smallint not null check (decimals between 0 and 3)
);
insert into currencies (code, decimals)
select code, 0 from regexp_split_to_table(trim($$
  BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF
$$, E' \n'), '\s+') as code;
insert into currencies (code, decimals)
select code, 2 from regexp_split_to_table(trim($$
  AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD
  CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
  GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL
  MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN
  PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP
  SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
$$, E' \n'), '\s+') as code;
insert into currencies (code, decimals)
select code, 3 from regexp_split_to_table(trim($$
  BHD IQD JOD KWD LYD OMR TND
$$, E' \n'), '\s+') as code;

-- A user of a tenant. The row is the lock that every change of the user takes, and counts the user's
-- events: `seq` has no hole and no repeat because it is only ever raised under that lock.
create table wallets (
  id bigint generated always as identity primary key,
  tenant tenant_name not null,
  user_id user_name not null,
  seq bigint not null default 0,
  -- It has limits or monitors, or is frozen: otherwise nothing has to be looked up.
  watched boolean not null default false,
  changed_at timestamptz not null default clock_timestamp(),
  created_at timestamptz not null default clock_timestamp(),
  unique (tenant, user_id)
) with (fillfactor = 80);

-- Both sides of every posting. A wallet's account belongs to a user; the others are the house's own.
create table accounts (
  id bigint generated always as identity primary key,
  tenant text not null,
  currency text not null references currencies,
  -- `fee:<name>`: fees of split payments, opened when a payment first names it.
  kind text not null check (kind in ('wallet', 'cash', 'revenue', 'adjustments', 'transit') or kind like 'fee:_%'),
  wallet_id bigint references wallets,
  created_at timestamptz not null default clock_timestamp(),
  check ((kind = 'wallet') = (wallet_id is not null))
);
create unique index accounts_of_wallet on accounts (wallet_id, currency) where wallet_id is not null;
create unique index accounts_of_house on accounts (tenant, currency, kind) where wallet_id is null;

-- A user's current balance in one currency. Only wallet accounts have such a row. A house account has none, because
-- every command would have to lock it. Its balance is summed from the entries.
create table balance_snapshots (
  account_id bigint primary key references accounts,
  wallet_id bigint not null references wallets,
  tenant text not null,
  user_id text not null,
  currency text not null,
  balance minor_units not null default 0,
  held minor_units not null default 0,
  -- The newest entry's number, and its hash.
  version bigint not null default 0,
  hash bytea not null default ''::bytea,
  updated_at timestamptz not null default clock_timestamp(),
  -- The other sides of this account's postings: the house's accounts of its tenant and currency.
  cash bigint not null,
  revenue bigint not null,
  adjustments bigint not null,
  transit bigint not null,
  unique (wallet_id, currency),
  check (held <= balance)
) with (fillfactor = 80);

-- A tenant's wallets in the order in which audits walk them.
create index snapshots_of_tenant on balance_snapshots (tenant, account_id);

create table transactions (
  id uuid not null,
  wallet_id bigint not null,
  tenant text not null,
  user_id text not null,
  type transaction_type not null,
  -- Signed as the user sees it: a topup is positive, a payment negative.
  amount signed_units not null,
  currency text not null,
  status transaction_status not null,
  description text,
  admin_notes text,
  -- Who opened it, and who brought it to its final status.
  created_by text not null,
  processed_by text,
  -- Of two admins who must agree: the first, and when. The second one is processed_by.
  approved_by text,
  approved_at timestamptz,
  reference_id text,
  reference_type text,
  -- The balance around its posting; null without one.
  previous_balance bigint,
  new_balance bigint,
  -- Of a payment: how much has been refunded.
  refunded bigint not null default 0,
  -- Of a hold that was captured in part: how much it held.
  held_amount bigint,
  -- Of a hold: when it frees itself.
  expires_at timestamptz,
  hold_state hold_state,
  metadata jsonb,
  -- Of a payment that was split, and of its refunds: who got how much, or gave it back. See plan_split().
  split jsonb,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  -- Ids are UUIDv7 made under the wallet's lock, of created_at: by id is by time.
  primary key (tenant, id),
  check (refunded between 0 and abs(amount))
);
create index transactions_of_wallet on transactions (wallet_id, id);
create index transactions_pending on transactions (tenant, type, id) where status = 'pending';
create index transactions_expiring on transactions (expires_at, id)
  where status = 'pending' and type = 'hold';

-- What lists are narrowed by, as far as it is rare. A payment that succeeded, which most rows are, is in none
-- of these: so they cost the busiest path nothing, and a list of payments, or of what succeeded, finds a page
-- of them anywhere.
create index transactions_of_wallet_by_type on transactions (wallet_id, type, id)
  where type <> 'booking_payment';
create index transactions_of_tenant_by_type on transactions (tenant, type, id)
  where type <> 'booking_payment';
create index transactions_of_wallet_by_status on transactions (wallet_id, status, id)
  where status <> 'success';
create index transactions_of_tenant_by_status on transactions (tenant, status, id)
  where status <> 'success';

-- Searches by what a caller wrote: a payment without it is in neither.
create index transactions_by_reference on transactions (tenant, reference_id, id)
  where reference_id is not null;
create index transactions_by_metadata on transactions using gin (metadata jsonb_path_ops)
  where metadata is not null;

-- The postings, append-only. One row is both sides: it names the account debited and the account
-- credited, so debits equal credits by construction. One of the two is always a wallet's: `account_id`,
-- whose balance before and after it keeps. Wallets are what the house owes: a credit adds to them.
create table entries (
  account_id bigint not null,
  version bigint not null,
  transaction_id uuid not null,
  debit_account bigint not null,
  credit_account bigint not null,
  amount bigint not null,
  previous_balance bigint not null,
  new_balance minor_units not null,
  -- The clock under the lock. It may have been set back since the entry before: clock_steps says where.
  created_at timestamptz not null,
  -- entry_hash() of this row and the hash before it: an altered row no longer fits its successor.
  hash bytea not null,
  primary key (account_id, version),
  -- audit() proves the rest: that the side named and the balances agree.
  check (amount > 0 and amount = abs(new_balance - previous_balance))
);

-- Where an account's entries are dated back: an entry of this version or a later one is dated before one of an
-- earlier version, for the clock was set back between them. Rows are rare. Between two of them versions and times
-- agree.
create table clock_steps (
  account_id bigint not null,
  version bigint not null,
  primary key (account_id, version)
);

-- Each user's events, written in the transaction that they describe.
create table events (
  wallet_id bigint not null,
  seq bigint not null,
  event event_name not null,
  currency text not null,
  new_balance bigint not null,
  previous_balance bigint,
  transaction_id uuid,
  transaction_type transaction_type,
  status transaction_status,
  amount bigint,
  -- What only some events say, in the names of `LedgerEvent` (src/ledger/event.ts). Amounts are in minor units.
  details jsonb,
  traceparent text,
  created_at timestamptz not null,
  primary key (wallet_id, seq)
);

-- Commits whose events are not known to be published. Each commit has one row, which is deleted after publishing. The
-- row names the events of each wallet: those after one seq, up to another.
create table outbox (
  id bigint generated always as identity primary key,
  wallet_ids bigint[] not null,
  after_seqs bigint[] not null,
  last_seqs bigint[] not null,
  -- When a process last took it on itself to publish it: at first the one that committed it.
  claimed_at timestamptz not null default clock_timestamp()
);

-- The first answer to each Idempotency-Key, written in the transaction that it answers for.
create table idempotency_keys (
  tenant text not null,
  actor text not null,
  key text not null,
  command_hash text not null,
  result jsonb not null,
  created_at timestamptz not null,
  -- Who acts on a claimed key: what a process gives itself for each claim, and no other has.
  claim uuid,
  primary key (tenant, actor, key)
);

-- Spending limits of a user, by type of transaction.
create table limits (
  wallet_id bigint not null references wallets,
  type transaction_type not null,
  currency text not null references currencies,
  -- The largest single amount; null: no such limit.
  max_amount bigint check (max_amount > 0),
  -- The largest sum over any `window_seconds`; both or neither.
  max_sum bigint check (max_sum > 0),
  window_seconds integer check (window_seconds between 1 and 31622400),
  updated_at timestamptz not null default clock_timestamp(),
  primary key (wallet_id, type, currency),
  check ((max_sum is null) = (window_seconds is null)),
  check (max_amount is not null or max_sum is not null)
);

-- Thresholds of a user's balance. Each crossing sends one `balance_alert`.
create table monitors (
  id uuid primary key default gen_random_uuid(),
  wallet_id bigint not null references wallets,
  currency text not null references currencies,
  direction side not null,
  threshold bigint not null check (threshold >= 0),
  created_at timestamptz not null default clock_timestamp(),
  unique (wallet_id, currency, direction, threshold)
);

-- One instruction to the ledger: `Command` of src/ledger/command.ts, in snake case.
create type ledger_command as (
  op text,
  tenant text,
  actor text,
  user_id text,
  to_user_id text,
  currency text,
  amount bigint,
  transaction_id uuid,
  status text,
  description text,
  admin_notes text,
  reference_id text,
  reference_type text,
  metadata jsonb,
  split jsonb,
  expires_in integer,
  -- Of a capture: false if more captures follow.
  final boolean,
  overage overage,
  idempotency_key text,
  command_hash text,
  traceparent text,
  -- On whose authority, if it is not a person who decides: `service`, `provider` or `application`.
  role text
);

-- What one command did to one wallet, and what its user is told.
create type ledger_change as (
  -- As it stands after the command. A refused debit has none: then its id is null.
  transaction transactions,
  -- The command opened it.
  opened boolean,
  -- The names of the events, in order. The last one has this seq. The balance is the one after them.
  events event_name[],
  seq bigint,
  balance bigint,
  -- As in the table of events.
  details jsonb,
  traceparent text
);

-- The result of one command: a refusal's code and figures, or the index of its change (from 0, as in JSON).
create type ledger_result as (
  refusal text,
  details jsonb,
  change integer,
  replayed boolean,
  -- In place of `change`: the transaction as it was when the idempotency key was first used.
  transaction jsonb
);

-- The decision on one command: why it is refused, or the change that it makes.
create type decision as (
  refusal text,
  details jsonb,
  -- The transaction's type, signed amount and status afterwards.
  type transaction_type,
  amount bigint,
  status transaction_status,
  -- Added to the wallet's balance (a posting) and to what is held of it.
  balance_delta bigint,
  held_delta bigint
);

-- An account while ledger_apply() works on a batch: whether it is to be written, and its wallet's place in the batch.
create type account_state as (
  dirty boolean, wallet integer, account_id bigint, wallet_id bigint, currency text, balance bigint,
  held bigint, version bigint, hash bytea, updated_at timestamptz, cash bigint, revenue bigint,
  adjustments bigint, transit bigint
);

-- By command: the place of the first command of the batch with its idempotency key, and the hash and the answer
-- that the key got in an earlier batch.
create type replays as (twins integer[], hashes text[], answers jsonb[]);

-- Functions for an application whose tables are in the same database: sql/functions/application.
create schema livebalance;

-- The answer to such a function. Amounts are in major units.
create type livebalance.outcome as (
  -- Null if the command was accepted.
  refusal text,
  details jsonb,
  transaction_id uuid,
  type transaction_type,
  status transaction_status,
  amount numeric,
  currency text,
  -- Of the transaction's user, afterwards.
  balance numeric,
  -- This is the first answer to the idempotency key again.
  replayed boolean
);

-- Its body is in sql/functions/accounts/watch_wallet.sql.
create function watch_wallet() returns trigger language plpgsql as 'begin return null; end';
create trigger limits_watched after insert or delete on limits
  for each row execute function watch_wallet();
create trigger monitors_watched after insert or delete on monitors
  for each row execute function watch_wallet();

-- Nobody changes an entry: the triggers also stop the owner.
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: % is refused', tg_table_name, tg_op
    using errcode = 'restrict_violation',
          hint = 'correct a posting by another posting (an adjustment or a refund)';
end
$$;

create trigger entries_append_only before update or delete on entries
  for each row execute function refuse_change();
create trigger entries_no_truncate before truncate on entries
  for each statement execute function refuse_change();

-- Tokens that stopped counting before they expire: every one that a user was given up to a moment, or a
-- single one by its id. A subject has one row, which its next revocation renews.
create table revocations (
  id uuid primary key,
  tenant text not null,
  kind text not null check (kind in ('user', 'token')),
  -- The user's id, or the token's `jti`.
  subject text not null,
  reason text,
  revoked_by text not null,
  revoked_at timestamptz not null default clock_timestamp(),
  -- When the tokens that it is about are over anyway; null: nobody knows.
  expires_at timestamptz,
  -- Taken back. The row stays for a day, for processes to hear of it.
  lifted_at timestamptz,
  -- Raised by every change, in the order of the commits: a process asks for what is newer than it knows.
  version bigint not null,
  unique (tenant, kind, subject)
);
create index revocations_version on revocations (version);
create sequence revocation_versions;
