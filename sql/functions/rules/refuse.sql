-- A decision that changes nothing: the code, and the figures that explain it.
create or replace function refuse(p_code text, p_details jsonb default '{}') returns decision
language sql immutable as $$
  select row(p_code, p_details, null, null, null, 0, 0)::decision
$$;
