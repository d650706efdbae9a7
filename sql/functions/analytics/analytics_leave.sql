-- Leaves wallets with published events to analytics_step(), in one row of analytics_feed. If so many rows wait that
-- nobody seems to take them, it only says so, and the wallets are found by their `seq` one day. The note is written each
-- time, because an analytics_step() under way may be about to take it back.
create or replace function analytics_leave(p_wallets bigint[]) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if (select s.last_value - a.taken_to < analytics_feed_limit() from analytics_feed_id_seq s, analytics_state a) then
    insert into analytics_feed (wallet_ids) values (p_wallets);
  else
    update analytics_state set behind = true;
  end if;
end
$$;
