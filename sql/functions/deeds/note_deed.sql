-- Notes a deed that is no command of the ledger. Call it in the statement that does it, as one more column of the answer:
-- then both are committed or neither. Returns its id, or null without an origin: then nobody's deed is noted.
create or replace function note_deed(
  p_origin jsonb, p_deed text, p_user_id text default null, p_target text default null, p_details jsonb default null,
  p_result text default 'done'
) returns uuid language sql volatile security definer set search_path = public, pg_temp as $$
  select write_deed(p_origin, p_deed::deed_name, p_user_id, p_target, p_details, p_result) where p_origin is not null
$$;
