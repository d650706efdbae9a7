-- The answer to one command: a refusal, or the place of its change among all. Called with named columns.
create or replace function build_result(
  refusal text default null, details jsonb default null, change integer default null,
  replayed boolean default false, transaction jsonb default null
) returns ledger_result language sql immutable as $$
  select row(refusal, details, change, replayed, transaction)::ledger_result
$$;
