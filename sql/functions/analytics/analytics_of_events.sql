-- What the events after the cursors of some wallets add to the roll-ups of a generation, and the new cursors and open
-- holds. An event is in the hour of its own time, which is that of the entry. A hold that was extended counts with its
-- newest amount from the moment when it was opened.
create or replace function analytics_of_events(p_generation integer, p_wallets bigint[],
  out parts analytics_part[], out cursors analytics_cursors[], out open analytics_open[], out ended uuid[], out gap text)
language sql stable security definer
set search_path = public, pg_temp set enable_seqscan = off set enable_mergejoin = off set jit = off as $$
  with wallet as materialized (
    select w.id, w.tenant, w.user_id, w.seq as until, coalesce(c.seq, 0) as after
    from wallets w
    left join analytics_cursors c on c.generation = p_generation and c.wallet_id = w.id
    where w.id = any (p_wallets) and w.seq > coalesce(c.seq, 0)
  ), told as materialized (
    select w.id as wallet_id, w.tenant, e.seq, e.event, e.currency, e.transaction_id, e.transaction_type as type,
      e.status, e.amount, e.created_at
    from wallet w
    cross join lateral (
      select * from events_between(w.id, w.after, w.until) offset 0) as e
  ), decided as materialized (
    select told.*, t.created_at as opened_at, abs(coalesce(t.held_amount, t.amount)) as held_amount,
      case when t.split is not null then sign(-told.amount) * analytics_fees(t.split) else 0 end as fees
    from told
    join transactions t on t.tenant = told.tenant and t.id = told.transaction_id
    where told.event in ('transaction_completed', 'transaction_failed')
  ), promised as materialized (
    select t.id, t.wallet_id, t.tenant, t.currency, t.type, t.status, t.created_at,
      abs(coalesce(t.held_amount, t.amount)) as amount, known.amount as known
    from (
      select distinct tenant, transaction_id from told
      where type in ('hold', 'withdrawal') and event in ('available_changed', 'transaction_completed', 'transaction_failed')
    ) as touched
    join transactions t on t.tenant = touched.tenant and t.id = touched.transaction_id
    left join analytics_open known on known.generation = p_generation and known.transaction_id = t.id
  ), fact as (
    select wallet_id, tenant, currency, created_at as at, type, status, 1 as n, abs(amount) as volume,
      case status when 'success' then amount else 0 end as net, fees, abs(amount) as largest,
      case when type in ('hold', 'withdrawal') then -held_amount else 0 end as held,
      case when type in ('topup', 'withdrawal') and status in ('success', 'failed')
        then greatest(created_at - opened_at, interval '0') end as waited
    from decided
    union all
    select wallet_id, tenant, currency, created_at, type, 'pending', case when known is null then 1 else 0 end,
      amount - coalesce(known, 0), 0, 0, amount, amount - coalesce(known, 0), null
    from promised where known is distinct from amount
  )
  select
    (select array_agg(part) from (
      select row(wallet_id, tenant, currency, analytics_quarter(at), type, status, sum(n), sum(volume), sum(net),
        sum(fees), max(largest), sum(held), coalesce(sum(extract(epoch from waited)) * 1000000, 0),
        analytics_waits(array_agg(waited) filter (where waited is not null)))::analytics_part as part
      from fact
      group by wallet_id, tenant, currency, analytics_quarter(at), type, status) as p),
    (select array_agg(row(p_generation, w.id, w.tenant, w.until, s.first_entry_at, s.last_entry_at,
      s.first_topup_at)::analytics_cursors order by w.id)
    from wallet w
    left join (
      select wallet_id, min(created_at) as first_entry_at, max(created_at) as last_entry_at,
        min(created_at) filter (where type = 'topup') as first_topup_at
      from decided where status = 'success' group by wallet_id
    ) as s on s.wallet_id = w.id),
    (select array_agg(row(p_generation, id, wallet_id, amount)::analytics_open order by id)
    from promised where status = 'pending' and known is distinct from amount),
    (select array_agg(id) from promised where status <> 'pending' and known is not null),
    (select min(w.user_id) from wallet w
    where (select count(*) from told where told.wallet_id = w.id) <> w.until - w.after)
$$;
