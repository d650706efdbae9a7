-- The next version of a tenant or a key, under a lock held until the end of the transaction. So versions become visible
-- in their order, and a reader of newer versions misses none.
create or replace function next_access_version() returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform pg_advisory_xact_lock(7236178, 7);
  return nextval('access_versions');
end
$$;
