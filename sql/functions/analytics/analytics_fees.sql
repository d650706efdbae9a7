-- What the parts of a split payment that are fees come to, in minor units.
create or replace function analytics_fees(p_split jsonb) returns bigint
language sql immutable as $$
  select coalesce(sum((part ->> 'amount')::bigint), 0)::bigint
  from jsonb_array_elements(p_split) as part where part ? 'fee'
$$;
