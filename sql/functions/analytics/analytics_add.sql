-- Adds parts to the roll-ups of a generation: to the days of the wallets, and to the buckets of all three grains. Called
-- under the lock of the generation, so that nobody else adds at the same time.
create or replace function analytics_add(p_generation integer, p_parts analytics_part[]) returns void
language sql security definer set search_path = public, pg_temp set work_mem = '64MB' set enable_seqscan = off
set jit = off as $$
  with part as materialized (
    select p.*, (p.at at time zone 'utc')::date as day, (extract(epoch from p.at)::bigint / 900)::integer as slot
    from unnest(p_parts) as p
  ), fresh as materialized (
    select wallet_id, tenant, currency, day, type, status, sum(transactions)::integer as transactions,
      sum(volume) as volume, sum(net) as net, sum(fees) as fees, max(largest) as largest,
      bit_or(set_bit(repeat('0', 96)::bit(96), slot % 96, 1)) as quarters
    from part
    group by wallet_id, tenant, currency, day, type, status
  ), known as materialized (
    -- What the wallets did as far around these days as analytics_span() goes.
    select distinct d.wallet_id, d.tenant, d.currency, d.day, d.type, d.status, d.quarters
    from (select distinct wallet_id, currency, day from fresh) as f
    join analytics_days d on d.generation = p_generation and d.wallet_id = f.wallet_id and d.currency = f.currency
      and d.day between f.day - 2 and f.day + 2
  ), days as (
    insert into analytics_days as d (generation, wallet_id, tenant, currency, day, type, status, transactions, volume,
      net, fees, largest, quarters)
    select p_generation, wallet_id, tenant, currency, day, type, status, transactions, volume, net, fees, largest, quarters
    from fresh
    on conflict (generation, wallet_id, currency, day, type, status) do update set
      transactions = d.transactions + excluded.transactions, volume = d.volume + excluded.volume,
      net = d.net + excluded.net, fees = d.fees + excluded.fees, largest = greatest(d.largest, excluded.largest),
      quarters = d.quarters | excluded.quarters
  ), kind as materialized (
    -- Short names of what is counted: by type and status, and whatever the type, of what succeeded.
    select tenant, currency, type, status, (row_number() over (order by tenant, currency, type, status))::integer as kind,
      case status when 'success' then (-dense_rank() over (order by tenant, currency))::integer end as whatever
    from (
      select tenant, currency, type, status from fresh union select tenant, currency, type, status from known) as k
  ), counted as materialized (
    select p.*, k.kind, k.whatever
    from part p
    join kind k using (tenant, currency, type, status)
  ), presence as (
    -- Each bucket that a user is in, and whether they were in it before.
    select q.wallet_id, k.kind, g.minutes, q.slot / (g.minutes / 15) as slot, bool_or(q.was) as was
    from (
      select wallet_id, kind, whatever, slot, false as was from counted
      union all
      select n.wallet_id, k.kind, k.whatever, (n.day - date '1970-01-01') * 96 + q, true
      from known n
      join kind k using (tenant, currency, type, status)
      cross join generate_series(0, 95) as q
      where get_bit(n.quarters, q) = 1
    ) as q
    cross join lateral (select q.kind union all select q.whatever where q.whatever is not null) as k (kind)
    cross join (values (15), (60), (1440)) as g (minutes)
    group by q.wallet_id, k.kind, g.minutes, q.slot / (g.minutes / 15)
  ), spaced as materialized (
    -- How many buckets ago they were last there: now, and before these parts.
    select kind, minutes, slot, was, slot - lag(slot) over w as gap,
      slot - max(slot) filter (where was) over (w rows between unbounded preceding and 1 preceding) as gap_before
    from presence
    window w as (partition by wallet_id, kind, minutes order by slot)
  ), arrived as (
    select kind, minutes, slot, count(*) as users from spaced where not was group by kind, minutes, slot
  ), seen as (
    select kind, minutes, slot, analytics_seen_before(array_agg(gap), array_agg(n), analytics_span(minutes)) as seen_before
    from (
      select kind, minutes, slot, gap, sum(n)::integer as n
      from (
        select kind, minutes, slot, gap, 1 as n from spaced where not was or gap is distinct from gap_before
        union all
        select kind, minutes, slot, gap_before, -1 from spaced where was and gap is distinct from gap_before
      ) as change
      where gap < analytics_span(minutes)
      group by kind, minutes, slot, gap
    ) as by_gap
    group by kind, minutes, slot
  ), users as materialized (
    select kind, minutes, to_timestamp(slot::bigint * minutes * 60) as at, coalesce(a.users, 0) as users, s.seen_before
    from arrived a
    full join seen s using (kind, minutes, slot)
  ), summed as (
    select p.kind, g.minutes, to_timestamp((p.slot / (g.minutes / 15))::bigint * g.minutes * 60) as at,
      sum(p.transactions) as transactions, sum(p.volume) as volume, sum(p.net) as net, sum(p.fees) as fees,
      max(p.largest) as largest, sum(p.held) as held, sum(p.waited_us) as waited_us,
      case when count(p.waits) > 0 then array[sum(p.waits[1])::bigint, sum(p.waits[2])::bigint, sum(p.waits[3])::bigint,
        sum(p.waits[4])::bigint, sum(p.waits[5])::bigint, sum(p.waits[6])::bigint, sum(p.waits[7])::bigint,
        sum(p.waits[8])::bigint, sum(p.waits[9])::bigint] end as waits
    from counted p
    cross join (values (15), (60), (1440)) as g (minutes)
    group by 1, 2, 3
  ), active as (
    insert into analytics_users as u (generation, tenant, currency, minutes, at, users, seen_before)
    select p_generation, k.tenant, k.currency, n.minutes, n.at, n.users, n.seen_before
    from users n
    join (select distinct tenant, currency, whatever from kind) as k on k.whatever = n.kind
    on conflict (generation, tenant, currency, minutes, at) do update set
      users = u.users + excluded.users, seen_before = analytics_plus(u.seen_before, excluded.seen_before)
  )
  -- A bucket of which only `seen_before` changes has a row.
  insert into analytics_buckets as b (generation, tenant, currency, minutes, at, type, status, transactions, volume, net,
    fees, largest, users, seen_before, held, waited_us, waits)
  select p_generation, k.tenant, k.currency, f.minutes, f.at, k.type, k.status, coalesce(f.transactions, 0),
    coalesce(f.volume, 0), coalesce(f.net, 0), coalesce(f.fees, 0), coalesce(f.largest, 0), coalesce(f.users, 0),
    f.seen_before, coalesce(f.held, 0), coalesce(f.waited_us, 0), f.waits
  from (summed full join (select * from users where kind > 0) as n using (kind, minutes, at)) as f
  join kind k using (kind)
  on conflict (generation, tenant, currency, minutes, at, type, status) do update set
    transactions = b.transactions + excluded.transactions, volume = b.volume + excluded.volume,
    net = b.net + excluded.net, fees = b.fees + excluded.fees, largest = greatest(b.largest, excluded.largest),
    users = b.users + excluded.users, seen_before = analytics_plus(b.seen_before, excluded.seen_before),
    held = b.held + excluded.held, waited_us = b.waited_us + excluded.waited_us,
    waits = analytics_plus(b.waits, excluded.waits)
$$;
