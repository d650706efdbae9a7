-- Takes up to p_rows rows of analytics_feed, and brings the roll-ups up to date with their wallets. Where the feed was too
-- long to take all wallets, it finds some by their `seq`. Returns how many rows or wallets it took: p_rows if there may be
-- more. Null: another process does it, or nothing is built yet.
create or replace function analytics_step(p_rows integer) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_now constant timestamptz := ledger_clock();
  state analytics_state;
  v_wallets bigint[];
  v_taken integer;
  v_taken_to bigint;
begin
  if not pg_try_advisory_xact_lock(7236178, 3) then
    return null;
  end if;
  select * into state from analytics_state where generation > 0;
  if not found then
    return null;
  end if;
  with taken as (
    delete from analytics_feed where id in (select id from analytics_feed order by id limit p_rows)
    returning id, wallet_ids
  )
  select array_agg(distinct wallet), count(distinct taken.id), max(taken.id)
  into v_wallets, v_taken, v_taken_to
  from taken, unnest(taken.wallet_ids) as wallet;
  if v_taken > 0 then
    perform analytics_roll(state.generation, v_wallets);
  end if;
  if v_taken < p_rows and state.behind then
    -- The lock makes analytics_leave() wait, so that the note stands for all that the next statement cannot see yet.
    perform from analytics_state for update;
    v_wallets := analytics_behind(state.generation, p_rows);
    perform analytics_roll(state.generation, v_wallets);
    update analytics_state set behind = false where cardinality(v_wallets) < p_rows;
    v_taken := greatest(v_taken, cardinality(v_wallets));
  end if;
  update analytics_state
  set taken_to = greatest(taken_to, v_taken_to),
    rolled_at = case when v_taken < p_rows and not behind then v_now else rolled_at end;
  return v_taken;
end
$$;
