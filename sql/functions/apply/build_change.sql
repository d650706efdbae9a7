-- A change as ledger_apply() reports it: what one command did to one wallet. Called with named columns; a column
-- that is not named is null. Postgres puts the body in place of the call.
create or replace function build_change(
  id uuid default null, wallet_id bigint default null, tenant text default null, user_id text default null,
  type transaction_type default null, amount bigint default null, currency text default null,
  status transaction_status default null, description text default null, admin_notes text default null,
  created_by text default null, processed_by text default null, reference_id text default null,
  reference_type text default null, previous_balance bigint default null, new_balance bigint default null,
  expires_at timestamptz default null, metadata jsonb default null, created_at timestamptz default null,
  updated_at timestamptz default null, opened boolean default false, events event_name[] default '{}',
  seq bigint default null, balance bigint default null, required_amount bigint default null,
  available bigint default null, threshold bigint default null, direction side default null,
  traceparent text default null
) returns ledger_change language sql immutable as $$
  select row(id, wallet_id, tenant, user_id, type, amount, currency, status, description, admin_notes,
    created_by, processed_by, reference_id, reference_type, previous_balance, new_balance, expires_at,
    metadata, created_at, updated_at, opened, events, seq, balance, required_amount, available, threshold,
    direction, traceparent)::ledger_change
$$;
