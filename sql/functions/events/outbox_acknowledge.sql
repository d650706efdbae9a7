-- Removes commits whose events are published. It leaves their wallets to analytics_leave(), and the commits to
-- mark_deliveries() if there is any webhook endpoint or push device. All happens in one transaction, so that none misses
-- an event. Returns how many commits were left to deliveries. An unknown id is no error: another process removed it first.
create or replace function outbox_acknowledge(p_ids bigint[]) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_delivers constant boolean := exists (select from webhook_endpoints) or exists (select from push_devices);
  v_wallets bigint[];
  v_gone integer;
begin
  with gone as (
    delete from outbox where id = any (p_ids) returning id, wallet_ids, after_seqs, last_seqs
  ), left_to_deliveries as (
    insert into delivery_feed (wallet_ids, after_seqs, last_seqs, at)
    select wallet_ids, after_seqs, last_seqs, ledger_clock() from gone where v_delivers
  )
  select array_agg(distinct wallet) filter (where wallet is not null), count(distinct gone.id) into v_wallets, v_gone
  from gone left join unnest(gone.wallet_ids) as wallet on true;
  if v_wallets is not null then
    perform analytics_leave(v_wallets);
  end if;
  return case when v_delivers then v_gone else 0 end;
end
$$;
