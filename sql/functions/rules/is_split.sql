-- Whether a split is well formed: 1 to 20 parts, each to a user or to a fee account, by a fixed amount in minor units or
-- by a share, which is a whole number up to a million. Nobody is named twice.
create or replace function is_split(p_split jsonb) returns boolean language plpgsql immutable as $$
begin
  if jsonb_typeof(p_split) <> 'array' or jsonb_array_length(p_split) not between 1 and 20 then
    return false;
  end if;
  return (
    select bool_and(jsonb_typeof(part) = 'object'
      and (part - array['to', 'fee', 'amount', 'share']) = '{}'
      and (part ? 'to') <> (part ? 'fee') and (part ? 'amount') <> (part ? 'share')
      and (not part ? 'to' or jsonb_typeof(part -> 'to') = 'string')
      and (not part ? 'fee' or part ->> 'fee' ~ '^[a-z0-9][a-z0-9_-]{0,63}$')
      and (not part ? 'amount' or (part ->> 'amount' ~ '^[1-9][0-9]{0,15}$'
        and (part ->> 'amount')::bigint <= 9007199254740991))
      and (not part ? 'share' or (part ->> 'share' ~ '^[1-9][0-9]{0,6}$' and (part ->> 'share')::int <= 1000000)))
      and count(*) = count(distinct case jsonb_typeof(part) when 'object' then part - array['amount', 'share'] end)
    from jsonb_array_elements(p_split) as part);
end
$$;
