-- The entries of the payer of a split payment, or of who gets the refund of one: what goes to or comes from the payees
-- goes through transit in one entry, and each fee account has an entry of its own. Positive amounts are added to the
-- wallet.
create or replace function split_postings(
  p_parts jsonb, p_sign integer, p_transit bigint, out amounts bigint[], out houses bigint[]
) language sql immutable as $$
  select array_agg(p_sign * amount order by place), array_agg(house order by place)
  from (
    select coalesce((part ->> 'account')::bigint, p_transit) as house, sum((part ->> 'amount')::bigint)::bigint as amount,
      min(place) as place
    from jsonb_array_elements(p_parts) with ordinality as s (part, place)
    group by 1
  ) as posting
$$;
