-- An account's balance at an instant: after the newest entry that is not dated later. Entries are in order of version
-- and normally of date too. Where the clock was set back (clock_steps) a new stretch begins. The search takes the
-- stretches from the newest on, and bisects the first that began in time. An entry dated ahead of now happened before
-- now, so it counts with the entry before it.
create or replace function balance_at(p_account bigint, p_at timestamptz) returns bigint
language plpgsql stable as $$
declare
  v_now constant timestamptz := ledger_clock();
  v_newest constant bigint := coalesce(
    (select version from balance_snapshots where account_id = p_account), 0);
  v_first bigint;
  v_middle bigint;
  v_low bigint := 0;      -- at or before the instant; 0: before the first entry
  v_high bigint := v_newest + 1;
begin
  if p_at >= v_now then
    v_low := v_newest;
  else
    for v_first in
      select version from clock_steps where account_id = p_account and version between 2 and v_newest
      union all select 1 order by 1 desc
    loop
      if (select created_at <= p_at from entries where account_id = p_account and version = v_first) then
        v_low := v_first;
        exit;
      end if;
      v_high := v_first;
    end loop;
    while v_low > 0 and v_high - v_low > 1 loop
      v_middle := (v_low + v_high) / 2;
      if (select created_at <= p_at from entries where account_id = p_account and version = v_middle) then
        v_low := v_middle;
      else
        v_high := v_middle;
      end if;
    end loop;
    while (select created_at > v_now from entries where account_id = p_account and version = v_low + 1) loop
      v_low := v_low + 1;
    end loop;
  end if;
  return coalesce(
    (select new_balance from entries where account_id = p_account and version = v_low), 0);
end
$$;
