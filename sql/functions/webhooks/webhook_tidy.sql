-- Deletes attempts that are older than a week, those of an endpoint beyond its last p_keep, and what a commit has marked
-- for an endpoint that was deleted meanwhile. Puts right the attempts that a wrong clock has planned for later than
-- p_latest from now. Returns the number of attempts deleted.
create or replace function webhook_tidy(p_keep integer, p_latest interval) returns bigint
language sql security definer set search_path = public, pg_temp as $$
  delete from webhook_cursors c where not exists (select from webhook_endpoints where id = c.endpoint_id);
  update webhook_cursors set next_attempt_at = ledger_clock() where next_attempt_at > ledger_clock() + p_latest;
  with gone as (
    delete from webhook_attempts a using webhook_endpoints e
    where a.endpoint_id = e.id and (a.at < ledger_clock() - interval '7 days' or a.id <= (
      select id from webhook_attempts where endpoint_id = e.id order by id desc offset p_keep limit 1))
    returning 1)
  select count(*) from gone
$$;
