-- An account's balance as it stood at an instant (inclusive): the newest entry not after it, found by
-- bisection. Versions and times agree, so the primary key serves as the index by time.
create or replace function balance_at(p_account bigint, p_at timestamptz) returns bigint
language plpgsql stable as $$
declare
  v_low bigint := 0;      -- at or before the instant; 0: before the first entry
  v_high bigint := 1 + coalesce((select version from balance_snapshots where account_id = p_account), 0);
  v_middle bigint;
begin
  while v_high - v_low > 1 loop
    v_middle := (v_low + v_high) / 2;
    if (select created_at <= p_at from entries where account_id = p_account and version = v_middle) then
      v_low := v_middle;
    else
      v_high := v_middle;
    end if;
  end loop;
  return coalesce(
    (select new_balance from entries where account_id = p_account and version = v_low), 0);
end
$$;
