-- For how many buckets of so many minutes the roll-ups know whether a user was there before: a bit more than the longest
-- day of any time zone, which has 27 hours (Antarctica/Casey, when its clocks went back by three). Null: for none.
create or replace function analytics_span(p_minutes integer) returns integer
language sql immutable as $$
  select case p_minutes when 15 then 112 when 60 then 28 end
$$;
