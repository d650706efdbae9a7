-- The next version, under a lock that is held to the end of the transaction: so versions become visible in
-- their order, and whoever asks for what is newer misses none.
create or replace function next_revocation_version() returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform pg_advisory_xact_lock(7236178, 3);
  return nextval('revocation_versions');
end
$$;
