-- How many of the users of a bucket were also in the bucket before, in one of the two before, and so on, up to p_span - 1.
-- p_counts of them were last there p_gaps buckets ago. Null: none.
create or replace function analytics_seen_before(p_gaps integer[], p_counts integer[], p_span integer) returns integer[]
language sql immutable as $$
  select case
    when p_gaps is null then null
    when cardinality(p_gaps) = 1 then array_fill(0, array[p_gaps[1] - 1]) || array_fill(p_counts[1], array[p_span - p_gaps[1]])
    else array(
      select (sum(coalesce(of.n, 0)) over (order by ago))::integer
      from generate_series(1, p_span - 1) as ago
      left join unnest(p_gaps, p_counts) as of (gap, n) on of.gap = ago
      order by ago)
    end
$$;
