-- Deletes keys of operators a day after they ended, and other keys 90 days after they were revoked. Returns how many.
create or replace function prune_api_keys() returns bigint
language sql security definer set search_path = public, pg_temp as $$
  with gone as (
    delete from api_keys where id in (
      select id from api_keys
      where (kind = 'operator' and expires_at < clock_timestamp() - interval '1 day')
        or revoked_at < clock_timestamp() - interval '90 days'
      limit 1000 for update skip locked)
    returning 1)
  select count(*) from gone
$$;
