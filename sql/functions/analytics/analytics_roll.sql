-- Brings the roll-ups of a generation up to date with some wallets. Harmless to repeat, because each wallet has a cursor.
-- Called under the lock of the generation. If events are gone that were not rolled up, it raises 55000: only a rebuild helps.
create or replace function analytics_roll(p_generation integer, p_wallets bigint[]) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  found record;
begin
  select * into found from analytics_of_events(p_generation, p_wallets);
  if found.gap is not null then
    raise exception 'events are missing that are not in the roll-ups, of the user % and perhaps others', found.gap
      using errcode = 'object_not_in_prerequisite_state', hint = 'livebalance analytics rebuild';
  end if;
  if found.cursors is null then
    return;
  end if;
  perform analytics_add_to_cohorts(p_generation, found.parts, found.cursors);
  if found.parts is not null then
    perform analytics_add(p_generation, found.parts);
  end if;
  insert into analytics_open select * from unnest(found.open)
  on conflict (generation, transaction_id) do update set amount = excluded.amount;
  delete from analytics_open where generation = p_generation and transaction_id = any (found.ended);
  insert into analytics_cursors as c select * from unnest(found.cursors)
  on conflict (generation, wallet_id) do update set seq = excluded.seq,
    first_entry_at = least(c.first_entry_at, excluded.first_entry_at),
    last_entry_at = greatest(c.last_entry_at, excluded.last_entry_at),
    first_topup_at = least(c.first_topup_at, excluded.first_topup_at);
end
$$;
