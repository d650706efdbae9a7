-- A change as ledger_apply() reports it: what one command did to one wallet. Call it with named columns: a column
-- that is left out is null. Postgres inlines the body.
create or replace function build_change(
  transaction transactions, events event_name[], seq bigint, balance bigint, opened boolean default false,
  details jsonb default null, traceparent text default null
) returns ledger_change language sql immutable as $$
  select row(transaction, opened, events, seq, balance, details, traceparent)::ledger_change
$$;
