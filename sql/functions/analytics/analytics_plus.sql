-- The sums of two rows of counts, element by element. Null is a row of zeros.
create or replace function analytics_plus(p_left anyarray, p_right anyarray) returns anyarray
language sql immutable as $$
  select case
    when p_left is null then p_right
    when p_right is null then p_left
    else array(
      select coalesce(a, 0) + coalesce(b, 0) from unnest(p_left, p_right) with ordinality as u (a, b, place) order by place)
  end
$$;
