-- The ledger's clock: it dates what is written, and says what has expired and what "now" is. It is the database's,
-- at the moment of asking, and may be set back at any time. So nothing is ordered by it: versions and seqs are.
create or replace function ledger_clock() returns timestamptz language sql volatile as $$
  select clock_timestamp()
$$;
