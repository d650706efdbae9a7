-- Divides an amount in proportion to weights, to the last minor unit: each gets its quota rounded down, and what is left
-- goes unit by unit to the largest remainders, the earlier of equal ones first. No part exceeds its weight if the amount
-- does not exceed the sum of the weights.
create or replace function apportion(p_amount bigint, p_weights bigint[]) returns bigint[]
language sql immutable as $$
  with quota as (
    select weight.place, div(p_amount::numeric * weight.n, total.n) as whole, p_amount::numeric * weight.n % total.n as rest
    from unnest(p_weights) with ordinality as weight (n, place),
      (select nullif(sum(n), 0) from unnest(p_weights) as n) as total (n)
  )
  select array_agg(whole::bigint + (rank <= p_amount - sum)::int order by place)
  from (
    select quota.*, row_number() over (order by rest desc, place) as rank, sum(whole) over () as sum from quota
  ) as ranked
$$;
