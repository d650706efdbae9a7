-- The ranges of ids that this database uses: that of its next ids, and those of the wallets and accounts that are
-- here. It jumps from range to range by index.
create or replace function id_ranges() returns bigint[]
language sql stable security definer set search_path = public, pg_temp set enable_seqscan = off as $$
  with recursive wallet as (
    select min(id) as id from wallets
    union all
    select (select min(n.id) from wallets n where n.id >= (w.id >> 40) + 1 << 40) from wallet w where w.id is not null
  ), account as (
    select min(id) as id from accounts
    union all
    select (select min(n.id) from accounts n where n.id >= (a.id >> 40) + 1 << 40) from account a where a.id is not null
  )
  select array_agg(distinct range) from (
    select id_range() as range
    union all select id >> 40 from wallet where id is not null
    union all select id >> 40 from account where id is not null
  ) as used
$$;
