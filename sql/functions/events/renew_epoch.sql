-- Starts a new epoch after a database was restored from an older state. Clients then do not resume from event ids of
-- the lost time. Only the owner may call it. Servers read the epoch when they start.
create or replace function renew_epoch() returns text
language sql set search_path = public, pg_temp as $$
  update meta set epoch = left(replace(gen_random_uuid()::text, '-', ''), 12), created_at = clock_timestamp()
  returning epoch
$$;
