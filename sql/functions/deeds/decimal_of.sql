-- Minor units as a decimal text in major units: 1250 of USD is 12.50.
create or replace function decimal_of(p_minor bigint, p_currency text) returns text language sql stable as $$
  select round(p_minor / 10::numeric ^ decimals, decimals)::text from currencies where code = p_currency
$$;
