-- The first entry of an account that is not dated before an instant, found by bisection: entries are in order of version,
-- and of date too. One after the newest, if there is none. Where the clock was set back (clock_steps), dates say nothing:
-- then 1.
create or replace function first_version_at(p_account bigint, p_at timestamptz) returns bigint
language plpgsql stable as $$
declare
  v_middle bigint;
  v_low bigint := 1;
  v_high bigint := coalesce((select version from balance_snapshots where account_id = p_account), 0) + 1;
begin
  if exists (select from clock_steps where account_id = p_account and version > 1) then
    return 1;
  end if;
  while v_low < v_high loop
    v_middle := (v_low + v_high) / 2;
    if (select created_at < p_at from entries where account_id = p_account and version = v_middle) then
      v_low := v_middle + 1;
    else
      v_high := v_middle;
    end if;
  end loop;
  return v_low;
end
$$;
