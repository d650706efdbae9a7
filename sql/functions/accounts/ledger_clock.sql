-- The ledger's clock: the time of the database at the moment of the call. It dates rows and decides about expiry. It
-- may be set back at any time, so nothing is ordered by it. Order comes from versions and seqs.
create or replace function ledger_clock() returns timestamptz language sql volatile as $$
  select clock_timestamp()
$$;
