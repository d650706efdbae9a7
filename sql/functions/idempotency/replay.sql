-- The answer to a command whose idempotency key was used before: by an earlier batch (p_hash, p_answer) or by an
-- earlier command of this batch (p_twin_hash, p_twin_result).
create or replace function replay(
  p_hash text, p_answer jsonb, p_twin_hash text, p_twin_result ledger_result, p_command_hash text
) returns ledger_result language plpgsql stable as $$
declare
  result ledger_result;
begin
  if coalesce(p_hash, p_twin_hash) <> p_command_hash then
    return build_result(refusal => 'idempotency_key_reused', details => '{}');
  end if;
  result := case when p_hash is null then p_twin_result
    else jsonb_populate_record(null::ledger_result, p_answer) end;
  result.replayed := true;
  return result;
end
$$;
