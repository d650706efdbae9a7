-- After the database went back in time: event ids handed out before are of another epoch from now on, so that
-- nobody resumes from them. For the owner alone; servers read the epoch when they start.
create or replace function renew_epoch() returns text
language sql set search_path = public, pg_temp as $$
  update meta set epoch = left(replace(gen_random_uuid()::text, '-', ''), 12), created_at = clock_timestamp()
  returning epoch
$$;
