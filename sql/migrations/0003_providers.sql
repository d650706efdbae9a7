-- What payment providers report, and what follows from it. Only the functions in sql/functions/providers write the rows.

-- applied: the ledger was changed. ignored: there was nothing to do. parked: it is applied as soon as another event of
-- the same payment has come. waiting: an admin has to decide. resolved: an admin has decided.
create type provider_outcome as enum ('applied', 'ignored', 'parked', 'waiting', 'resolved');

-- The payments at a provider, each with its topup. A user may pay one topup twice, by mistake.
create table provider_payments (
  provider text not null,
  payment_id text not null,
  tenant text not null,
  topup_id uuid not null,
  -- Its money is in the wallet.
  credited boolean not null default false,
  -- How much of it the provider gave back, in minor units.
  refunded bigint not null default 0 check (refunded >= 0),
  created_at timestamptz not null default clock_timestamp(),
  primary key (provider, payment_id)
);
create index provider_payments_of_topup on provider_payments (tenant, topup_id);

-- Every event of a provider that concerns a topup, once.
create table provider_events (
  provider text not null,
  event_id text not null,
  -- A UUIDv7: by id is by time.
  id uuid not null unique,
  kind text not null check (kind in ('succeeded', 'failed', 'attempt_failed', 'refunded', 'refund_failed', 'disputed',
    'dispute_won', 'dispute_lost')),
  payment_id text not null,
  dispute_id text,
  -- Null as long as no event has named the topup of this payment.
  tenant text,
  topup_id uuid,
  user_id text,
  -- As the provider says, in minor units. Null if it is no whole number of them.
  amount bigint,
  currency text,
  -- The amount is that of all refunds of the payment so far.
  is_total boolean not null default false,
  -- The provider's own word for the cause.
  detail text,
  outcome provider_outcome not null default 'ignored',
  reason text,
  -- What was booked for it, and how much of a refund or dispute that took from the wallet.
  transaction_id uuid,
  taken bigint not null default 0,
  received_at timestamptz not null,
  resolved_by text,
  resolution text,
  resolved_at timestamptz,
  primary key (provider, event_id)
);
create index provider_events_of_tenant on provider_events (tenant, id);
create index provider_events_waiting on provider_events (tenant, id) where outcome = 'waiting';
create index provider_events_of_payment on provider_events (provider, payment_id);
create index provider_events_of_dispute on provider_events (provider, dispute_id) where dispute_id is not null;

-- What a refund or a dispute should have taken from a wallet that did not have it.
create table debts (
  -- That of the provider's event.
  id uuid primary key,
  wallet_id bigint not null references wallets,
  tenant text not null,
  user_id text not null,
  currency text not null references currencies,
  amount bigint not null check (amount > 0),
  collected bigint not null default 0 check (collected between 0 and amount),
  -- cancelled: the dispute was won.
  status text not null default 'open' check (status in ('open', 'collected', 'written_off', 'cancelled')),
  cause text not null check (cause in ('refund', 'dispute')),
  topup_id uuid not null,
  created_at timestamptz not null,
  closed_by text,
  closed_at timestamptz
);
create index debts_of_tenant on debts (tenant, id);
create index debts_open on debts (tenant, id) where status = 'open';

-- What one step of applying an event did: the refusal of the ledger, the transaction that it wrote, how much it took
-- from the wallet, and the rows of ledger_apply().
create type provider_step as (refusal text, transaction_id uuid, taken bigint, applied jsonb);

-- A user's payment method at a provider that may be charged without the user. A trusted backend names it.
create table saved_methods (
  wallet_id bigint primary key references wallets,
  provider text not null,
  customer text not null,
  payment_method text not null,
  saved_by text not null,
  updated_at timestamptz not null default clock_timestamp()
);

-- A topup that is asked for and paid by itself when the balance is below a threshold. Amounts are in minor units.
create table auto_topups (
  wallet_id bigint not null references wallets,
  currency text not null references currencies,
  threshold bigint not null check (threshold > 0),
  amount bigint not null check (amount > 0),
  -- The largest sum over any `period_seconds`.
  cap bigint not null check (cap >= amount),
  period_seconds integer not null check (period_seconds between 1 and 31622400),
  status text not null default 'active' check (status in ('active', 'paused')),
  paused_reason text,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (wallet_id, currency)
);
create index auto_topups_active on auto_topups (wallet_id, currency) where status = 'active';

-- The topups that were made so. One is under way at most.
create table auto_topup_runs (
  tenant text not null,
  topup_id uuid not null,
  wallet_id bigint not null,
  currency text not null,
  amount bigint not null,
  opened_at timestamptz not null,
  -- When a process last took it on itself to charge the saved method.
  tried_at timestamptz not null,
  -- The provider took the charge. Its outcome comes as an event.
  payment_id text,
  ended_at timestamptz,
  outcome text check (outcome in ('success', 'failed')),
  primary key (tenant, topup_id)
);
create unique index auto_topup_under_way on auto_topup_runs (wallet_id, currency) where ended_at is null;
create index auto_topup_runs_of_wallet on auto_topup_runs (wallet_id, currency, opened_at);
