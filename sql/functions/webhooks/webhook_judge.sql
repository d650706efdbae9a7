-- Counts the failures of an endpoint in a row. From p_suspect on it is left alone between attempts, at first for a
-- second, at most for a minute. With the first success all its users are tried again, spread over ten seconds.
create or replace function webhook_judge(p_endpoint_id uuid, p_delivered boolean, p_failed bigint, p_suspect integer)
returns void language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_failures integer;
begin
  if p_delivered then
    select failures into v_failures from webhook_endpoints where id = p_endpoint_id;
    if v_failures = 0 then
      return;
    end if;
    update webhook_endpoints set failures = 0, retry_at = null where id = p_endpoint_id;
    if v_failures >= p_suspect then
      update webhook_cursors set next_attempt_at = ledger_clock() + random() * interval '10 seconds'
      where endpoint_id = p_endpoint_id and failing_since is not null and claimed_by is null
        and next_attempt_at > ledger_clock() + interval '10 seconds';
    end if;
  else
    update webhook_endpoints set
      failures = failures + p_failed,
      retry_at = case when failures + p_failed >= p_suspect
        then ledger_clock() + least(power(2, least(failures + p_failed - p_suspect, 10)), 60) * (0.5 + random() / 2)
          * interval '1 second' end
    where id = p_endpoint_id;
  end if;
end
$$;
