-- The roll-ups of the ledger that fill.sql wrote, by sets instead of by analytics_build(). What it writes is sound: the
-- audit compares it with the entries. The indexes of analytics_days are made afterwards, which is faster.
create procedure fill_rollups() language plpgsql as $$
declare
  v_days constant text := (select pg_get_indexdef('analytics_days_of_tenant'::regclass));
  v_key constant text := (select pg_get_constraintdef(oid) from pg_constraint where conname = 'analytics_days_pkey');
begin
  drop index analytics_days_of_tenant;
  alter table analytics_days drop constraint analytics_days_pkey;
  update analytics_state set generation = 1, rolled_at = clock_timestamp();
  insert into analytics_cursors
  select 1, w.id, w.tenant, w.seq, min(e.created_at), max(e.created_at), min(e.created_at) filter (where t.type = 'topup')
  from wallets w
  join balance_snapshots s on s.wallet_id = w.id
  join entries e on e.account_id = s.account_id
  join transactions t on t.id = e.transaction_id
  group by w.id;
  insert into analytics_open
  select 1, id, wallet_id, -amount from transactions where type = 'hold' and status = 'pending';

  create unlogged table facts as
  select wallet_id, currency, type, status, analytics_quarter(created_at) as at, count(*) as transactions,
    sum(abs(amount)) as volume, sum(case status when 'success' then amount else 0 end) as net, max(abs(amount)) as largest,
    sum(case type when 'hold' then abs(amount) else 0 end) as held, count(*) filter (where type = 'topup') as waits
  from transactions
  where status <> 'pending' or type = 'hold'
  group by 1, 2, 3, 4, 5;
  insert into analytics_days
  select 1, wallet_id, 'default', currency, (at at time zone 'utc')::date, type, status, sum(transactions), sum(volume),
    sum(net), 0, max(largest),
    bit_or(set_bit(repeat('0', 96)::bit(96), (extract(epoch from at)::bigint / 900 % 96)::integer, 1))
  from facts
  group by 2, 4, 5, 6, 7;
  execute v_days;
  execute 'alter table analytics_days add constraint analytics_days_pkey ' || v_key;
  analyze analytics_days, analytics_cursors;

  create unlogged table recount as select * from analytics_recount('default');
  insert into analytics_users
  select 1, 'default', currency, minutes, at, users, seen_before from recount where type is null;
  insert into analytics_buckets
  select 1, 'default', f.currency, f.minutes, f.at, f.type, f.status, f.transactions, f.volume, f.net, 0, f.largest, r.users,
    r.seen_before, f.held, 0, case when f.waits > 0 then array[f.waits, 0, 0, 0, 0, 0, 0, 0, 0] end
  from (
    select currency, g.minutes::smallint, date_bin(g.minutes * interval '1 minute', at, '2000-01-01 00:00:00+00') as at, type,
      status, sum(transactions) as transactions, sum(volume) as volume, sum(net) as net, max(largest) as largest,
      sum(held) as held, sum(waits) as waits
    from facts, (values (15), (60), (1440)) as g (minutes)
    group by 1, 2, 3, 4, 5
  ) as f
  join recount r using (currency, minutes, at, type, status);

  create unlogged table members as
  select c.wallet_id, u.unit, date_trunc(u.unit, c.first_topup_at at time zone 'utc')::date as cohort
  from analytics_cursors c, (values ('month'), ('week')) as u (unit)
  where c.first_topup_at is not null;
  insert into analytics_cohorts select 1, 'default', unit, cohort, count(*) from members group by unit, cohort;
  insert into analytics_cohort_periods
  select 1, 'default', d.currency, m.unit, m.cohort, date_trunc(m.unit, d.day::timestamp)::date, count(distinct m.wallet_id),
    sum(d.volume)
  from members m
  join analytics_days d on d.wallet_id = m.wallet_id and d.status = 'success' and d.day >= m.cohort
  group by 3, 4, 5, 6;
  drop table facts, recount, members;
end
$$;
