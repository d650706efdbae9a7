-- Writes a deed. It is also put where seal_deeds() finds it. Only note_deed() and note_commands() call it.
create or replace function write_deed(
  p_origin jsonb, p_deed deed_name, p_user_id text, p_target text, p_details jsonb, p_result text
) returns uuid language plpgsql as $$
declare
  v_at constant timestamptz := ledger_clock();
  v_id constant uuid := uuid_at(v_at);
begin
  insert into deeds (id, tenant, at, actor, roles, key_id, deed, user_id, target, result, request_id, address, details)
  values (v_id, p_origin ->> 'tenant', v_at, p_origin ->> 'actor',
    array(select jsonb_array_elements_text(coalesce(p_origin -> 'roles', '[]'))), p_origin ->> 'keyId', p_deed,
    p_user_id, p_target, p_result, p_origin ->> 'requestId', p_origin ->> 'address',
    coalesce(p_details, '{}'));
  if not found then
    perform miscounted('deeds', 1, 0);
  end if;
  insert into unsealed_deeds (tenant, id) values (p_origin ->> 'tenant', v_id);
  if not found then
    perform miscounted('unsealed_deeds', 1, 0);
  end if;
  return v_id;
end
$$;
