-- The first event of a wallet that is kept and not dated before an instant, as first_version_at() finds entries. One
-- after the newest, if there is none.
create or replace function first_seq_at(p_wallet bigint, p_at timestamptz) returns bigint
language plpgsql stable as $$
declare
  v_middle record;
  v_low bigint := (
    select seq - cardinality(events) + 1 from event_rows where wallet_id = p_wallet order by seq limit 1);
  v_high bigint := (select max(seq) + 1 from event_rows where wallet_id = p_wallet);
begin
  if exists (
    select from clock_steps s join accounts a on a.id = s.account_id where a.wallet_id = p_wallet and s.version > 1
  ) then
    return v_low;
  end if;
  while v_low < v_high loop
    -- The events of a row have the same time.
    select seq, seq - cardinality(events) + 1 as first_seq, created_at into v_middle
    from event_rows where wallet_id = p_wallet and seq >= (v_low + v_high) / 2 order by seq limit 1;
    if v_middle.created_at < p_at then
      v_low := v_middle.seq + 1;
    else
      v_high := v_middle.first_seq;
    end if;
  end loop;
  return v_low;
end
$$;
