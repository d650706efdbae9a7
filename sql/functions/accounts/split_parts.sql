-- The parts of a split as a command names them. None if it is malformed, which plan_split() refuses.
create or replace function split_parts(p_split jsonb) returns setof jsonb language sql immutable as $$
  select part from jsonb_array_elements(case jsonb_typeof(p_split) when 'array' then p_split else '[]' end) as part
$$;
