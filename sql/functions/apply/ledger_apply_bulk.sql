-- Like ledger_apply(), for the commands of one request. With p_atomic it applies all of them or none: if one is
-- refused, the others are refused too, as bulk_aborted. It also applies none if the request's idempotency key was used
-- for another request. The answers to idempotency keys are stored in all other cases.
create or replace function ledger_apply_bulk(p_commands json, p_atomic boolean)
returns table (results json, changes json, outbox_id bigint) language plpgsql security definer
set search_path = public, pg_temp as $$
declare
  refusals text[];
begin
  select applied.results, applied.changes, applied.outbox_id into results, changes, outbox_id
  from ledger_apply(p_commands) as applied;
  refusals := array(
    select result.refusal from json_populate_recordset(null::ledger_result, results) as result
    where result.refusal is not null);
  if 'idempotency_key_reused' = any (refusals) or (p_atomic and cardinality(refusals) > 0) then
    raise exception 'a command was refused' using errcode = 'LB002';
  end if;
  return next;
exception
  when sqlstate 'LB002' then
    -- Variables keep their values, but what ledger_apply() wrote is rolled back.
    results := (
      select json_agg(build_result(
        refusal => coalesce(result.refusal, 'bulk_aborted'), details => result.details,
        replayed => coalesce(result.replayed, false)) order by result.ordinality)
      from json_populate_recordset(null::ledger_result, results) with ordinality as result);
    changes := '[]';
    outbox_id := null;
    perform note_commands(
      array(select c from json_populate_recordset(null::ledger_command, p_commands) as c),
      array(select result from json_populate_recordset(null::ledger_result, results) as result), '{}');
    if 'idempotency_key_reused' <> all (refusals) then
      insert into idempotency_keys (tenant, actor, key, command_hash, result, created_at)
      select c.tenant, c.actor, c.idempotency_key, c.command_hash,
        jsonb_build_object('refusal', result.refusal, 'details', result.details, 'transaction', null), ledger_clock()
      from json_populate_recordset(null::ledger_command, p_commands) with ordinality as c
      join json_populate_recordset(null::ledger_result, results) with ordinality as result
        on result.ordinality = c.ordinality
      where c.idempotency_key is not null
      on conflict do nothing;
    end if;
    return next;
end
$$;
