-- Which wallets of a batch another transaction keeps locked at this moment, and the places (from 0) of the
-- commands that would have to wait for them. It waits for no row itself.
create or replace function locked_wallets(p_commands json)
returns table (tenant text, user_id text, places integer[])
language sql security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
  with asked as materialized (
    select c.tenant, c.user_id, c.to_user_id, c.split, c.transaction_id, row_number() over () - 1 as place
    from json_populate_recordset(null::ledger_command, p_commands) as c
  ), concerned as materialized (
    select a.place, w.id from asked a
    join wallets w on w.tenant = a.tenant and w.user_id in (a.user_id, a.to_user_id)
    union
    select a.place, w.id from asked a
    cross join lateral split_parts(a.split) as part
    join wallets w on w.tenant = a.tenant and w.user_id = part ->> 'to'
    union
    select a.place, unnest(t.wallet_id || split_wallets(t.split)) from asked a
    join transactions t on t.tenant = a.tenant and t.id = a.transaction_id
  ), free_wallets as materialized (
    select id from wallets where id in (select id from concerned) for update skip locked
  ), free_accounts as materialized (
    select account_id from balance_snapshots where wallet_id in (select id from concerned)
    for update skip locked
  )
  select w.tenant, w.user_id, array_agg(c.place::integer order by c.place)
  from concerned c join wallets w on w.id = c.id
  where w.id not in (select id from free_wallets) or exists (
    select from balance_snapshots s
    where s.wallet_id = w.id and s.account_id not in (select account_id from free_accounts))
  group by w.id
$$;
