-- One step of a rebuild: the p_limit wallets after p_after, as of one instant. Returns the wallet to continue after; null
-- at the end.
create or replace function analytics_build(p_build uuid, p_after bigint, p_limit integer) returns bigint
language plpgsql security definer set search_path = public, pg_temp set enable_seqscan = off set jit = off as $$
declare
  v_generation constant integer := analytics_build_of(p_build);
  v_wallets constant bigint[] := array(select id from wallets where id > p_after order by id limit p_limit);
  found record;
begin
  -- One statement, so that the cursors are of the same instant as the entries.
  select
    (select array_agg(part) from analytics_of_entries(v_wallets) as part) as parts,
    (select array_agg(row(v_generation, w.id, w.tenant, w.seq, posted.first_at, posted.last_at, (
        select min(t.updated_at) from transactions t
        where t.wallet_id = w.id and t.type = 'topup' and t.type <> 'booking_payment' and t.status = 'success'
      ))::analytics_cursors)
      from wallets w
      left join lateral (
        select min(e.created_at) as first_at, max(e.created_at) as last_at
        from balance_snapshots s join entries e on e.account_id = s.account_id where s.wallet_id = w.id
      ) as posted on true
      where w.id = any (v_wallets)) as cursors,
    (select array_agg(row(v_generation, t.id, t.wallet_id, abs(coalesce(t.held_amount, t.amount)))::analytics_open)
      from transactions t
      where t.wallet_id = any (v_wallets) and t.status = 'pending' and t.status <> 'success'
        and t.type in ('hold', 'withdrawal')) as open
  into found;
  perform analytics_add_to_cohorts(v_generation, found.parts, found.cursors);
  if found.parts is not null then
    perform analytics_add(v_generation, found.parts);
  end if;
  insert into analytics_cursors select * from unnest(found.cursors);
  insert into analytics_open select * from unnest(found.open);
  return case when cardinality(v_wallets) = p_limit then v_wallets[p_limit] end;
end
$$;
