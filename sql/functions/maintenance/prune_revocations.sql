-- Deletes at most a thousand revocations: those whose tokens have expired, and lifted ones after a day. Returns how
-- many.
create or replace function prune_revocations() returns bigint
language sql security definer set search_path = public, pg_temp as $$
  with gone as (
    delete from revocations where id in (
      select id from revocations
      where not revocation_stands(lifted_at, expires_at)
        and (lifted_at is null or lifted_at < clock_timestamp() - interval '1 day')
      limit 1000 for update skip locked)
    returning 1)
  select count(*) from gone
$$;
