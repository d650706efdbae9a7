-- An instant as whole microseconds since 1970.
create or replace function us(p_at timestamptz) returns bigint
language sql stable as $$
  select (extract(epoch from p_at) * 1000000)::bigint
$$;
