-- Counts the failures of a push service in a row. From p_suspect on it is left alone between attempts, at first for a
-- second, at most for a minute. With the first answer all its devices are tried again, spread over ten seconds.
create or replace function push_judge(p_service text, p_answered boolean, p_failed numeric, p_suspect integer)
returns void language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_failures integer;
begin
  if p_answered then
    select failures into v_failures from push_services where service = p_service;
    if v_failures = 0 then
      return;
    end if;
    update push_services set failures = 0, retry_at = null where service = p_service;
    if v_failures >= p_suspect then
      update push_devices set next_attempt_at = ledger_clock() + random() * interval '10 seconds'
      where service = p_service and failing_since is not null and claimed_by is null
        and next_attempt_at > ledger_clock() + interval '10 seconds';
    end if;
  else
    update push_services set
      failures = failures + p_failed,
      retry_at = case when failures + p_failed >= p_suspect
        then ledger_clock() + least(power(2, least(failures + p_failed - p_suspect, 10)), 60) * (0.5 + random() / 2)
          * interval '1 second' end
    where service = p_service;
  end if;
end
$$;
