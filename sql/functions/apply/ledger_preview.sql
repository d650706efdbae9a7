-- What ledger_apply() would answer to these commands, without any effect: its work is rolled back, and only the answer
-- is kept. Commands of one call see each other's effects.
create or replace function ledger_preview(p_commands json)
returns table (results json, changes json) language plpgsql security definer
set search_path = public, pg_temp as $$
begin
  begin
    select applied.results, applied.changes into results, changes from ledger_apply(p_commands) as applied;
    raise exception 'a preview has no effect' using errcode = 'LB001';
  exception
    -- Variables keep their values.
    when sqlstate 'LB001' then null;
  end;
  return next;
end
$$;
