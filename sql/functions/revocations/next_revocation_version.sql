-- The next version, under a lock held until the end of the transaction. So versions become visible in their order, and
-- a reader of newer versions misses none.
create or replace function next_revocation_version() returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform pg_advisory_xact_lock(7236178, 3);
  return nextval('revocation_versions');
end
$$;
