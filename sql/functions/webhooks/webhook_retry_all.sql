-- Tries again now every user whose next attempt at the endpoint is later. What is set aside stays so. Returns how many.
create or replace function webhook_retry_all(p_endpoint_id uuid) returns bigint
language sql security definer set search_path = public, pg_temp as $$
  with retried as (
    update webhook_cursors set next_attempt_at = ledger_clock()
    where endpoint_id = p_endpoint_id and failing_since is not null and claimed_by is null
      and next_attempt_at > ledger_clock()
    returning 1)
  select count(*) from retried
$$;
