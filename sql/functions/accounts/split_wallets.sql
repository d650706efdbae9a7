-- The wallets of the payees of a split.
create or replace function split_wallets(p_split jsonb) returns bigint[] language sql immutable as $$
  select array(select (part ->> 'wallet')::bigint from jsonb_array_elements(p_split) as part where part ? 'wallet')
$$;
