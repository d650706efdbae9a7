-- A ledger of some size, by sets instead of by ledger_apply(): p_rows transactions, entries and events in
-- p_wallets wallets over the last p_days days, a tenth of them of one busy user, `hot`. What it writes is sound:
-- balances, versions, times and hashes are those that the audit asks for. Events are kept for 30 days.
create unlogged table house (cash bigint, revenue bigint, adjustments bigint, transit bigint);
create unlogged table chain_ends (account_id bigint, wallet_id bigint, user_id text, version bigint,
  balance bigint, hash bytea);
create unlogged table fresh (account_id bigint, wallet_id bigint, user_id text, version bigint,
  new_balance bigint, hash bytea, id uuid, type transaction_type, delta bigint, other bigint,
  at timestamptz);

create procedure fill(p_rows bigint, p_wallets integer, p_days integer) language plpgsql as $$
declare
  v_rounds constant integer := greatest((p_rows * 9 / 10 / p_wallets)::integer, 1);
  v_hot constant integer := greatest((p_rows / 10 / v_rounds)::integer, 1);
  v_start constant timestamptz := date_trunc('milliseconds', clock_timestamp()) - p_days * interval '1 day';
  v_pace constant interval := p_days * interval '1 day' / (v_rounds + 1);
begin
  insert into wallets (tenant, user_id)
  select 'default', case n when 0 then 'hot' else 'u' || n end from generate_series(0, p_wallets) n;
  insert into accounts (tenant, currency, kind)
  select 'default', 'USD', unnest(array['adjustments', 'cash', 'revenue', 'transit']);
  insert into accounts (tenant, currency, kind, wallet_id)
  select 'default', 'USD', 'wallet', id from wallets order by id;

  -- Partitions of an eighth of the time each.
  for v_generation in 3 .. 9 loop
    execute format('create table event_rows_%s (like event_rows, primary key (wallet_id, seq))', v_generation);
    execute format('alter table event_rows attach partition event_rows_%1$s for values in (%1$s)', v_generation);
    insert into event_generations (generation) values (v_generation);
  end loop;
  update event_generations set began_at = v_start + (generation - 1) * p_days * interval '3 hours'
  where generation < 9;

  insert into house
  select max(id) filter (where kind = 'cash') as cash, max(id) filter (where kind = 'revenue') as revenue,
    max(id) filter (where kind = 'adjustments') as adjustments, max(id) filter (where kind = 'transit') as transit
  from accounts where wallet_id is null;
  insert into chain_ends
  select a.id, w.id, w.user_id, 0, 0, ''
  from accounts a join wallets w on w.id = a.wallet_id;

  for v_round in 1 .. v_rounds loop
    -- Payments, every fifth a topup, every 500th an admin's adjustment; of the busy user many in a round.
    insert into fresh
    with recursive chain as (
      select e.*, 0 as n, null::uuid as id, null::transaction_type as type, 0::bigint as delta,
        0::bigint as other, null::timestamptz as at
      from chain_ends e
      union all
      select s.account_id, s.wallet_id, s.user_id, s.version + 1, s.balance + k.delta,
        entry_hash(s.hash, s.account_id, s.version + 1, i.id,
          case when k.delta > 0 then k.other else s.account_id end,
          case when k.delta > 0 then s.account_id else k.other end,
          abs(k.delta), s.balance, s.balance + k.delta, k.at),
        s.n + 1, i.id, k.type, k.delta, k.other, k.at
      from chain s
      cross join house h
      cross join lateral (
        select case when s.version % 500 = 0 then 'admin_adjustment' when s.version % 5 = 0 then 'topup'
            else 'booking_payment' end::transaction_type as type,
          case when s.version % 500 = 0 then 1000000 when s.version % 5 = 0 then 100
            else -1 - s.version % 20 end as delta,
          case when s.version % 500 = 0 then h.adjustments when s.version % 5 = 0 then h.cash
            else h.revenue end as other,
          -- Each wallet at its own moment of the round.
          v_start + v_pace * (v_round - 1) + s.wallet_id % p_wallets * (v_pace / p_wallets)
            + (s.n + 1) * (v_pace / (v_hot + 1)) as at) as k
      cross join lateral (select uuid_at(k.at) as id offset 0) as i
      where s.n < case s.user_id when 'hot' then v_hot else 1 end
    )
    select account_id, wallet_id, user_id, version, balance, hash, id, type, delta, other, at
    from chain where n > 0;

    insert into transactions (id, wallet_id, tenant, user_id, type, amount, currency, status, description,
      created_by, previous_balance, new_balance, created_at, updated_at)
    select id, wallet_id, 'default', user_id, type, delta, 'USD', 'success', 'booking 4711', user_id,
      new_balance - delta, new_balance, at, at
    from fresh;
    insert into entries
    select account_id, version, id, case when delta > 0 then other else account_id end,
      case when delta > 0 then account_id else other end, abs(delta), new_balance - delta, new_balance,
      at, hash
    from fresh;
    insert into event_rows (generation, wallet_id, seq, events, currency, new_balance, previous_balance, transaction_id,
      transaction_type, status, amount, created_at)
    select least(8, 1 + floor(extract(epoch from at - v_start) / (p_days * 10800))), wallet_id, version * 2, '{balance_updated,transaction_completed}', 'USD', new_balance, new_balance - delta, id, type,
      'success', delta, at
    from fresh where at > clock_timestamp() - interval '30 days 1 hour';
    truncate chain_ends;
    insert into chain_ends
    select distinct on (account_id) account_id, wallet_id, user_id, version, new_balance, hash
    from fresh order by account_id, version desc;
    truncate fresh;
    commit;
  end loop;

  -- Topups that wait or were rejected, spread over all time, and holds that stand: a thousandth each.
  insert into transactions (id, wallet_id, tenant, user_id, type, amount, currency, status, created_by,
    expires_at, created_at, updated_at)
  select uuid_at(at), w.id, 'default', w.user_id, x.type, x.amount, 'USD', x.status, w.user_id,
    case x.type when 'hold' then clock_timestamp() + interval '1 day' end, at, at
  from generate_series(1, greatest(p_rows / 1000, 10)) n
  cross join (values ('topup'::transaction_type, 1, 'pending'::transaction_status),
    ('topup', 1, 'failed'), ('hold', -1, 'pending')) as x (type, amount, status)
  cross join lateral (select v_start + p_days * interval '1 day' * random() as at) as t
  join wallets w on w.id = 1 + (n - 1) % (p_wallets + 1);

  insert into balance_snapshots (account_id, wallet_id, tenant, user_id, currency, balance, held, version,
    hash, updated_at, cash, revenue, adjustments, transit)
  select s.account_id, s.wallet_id, 'default', s.user_id, 'USD', s.balance,
    coalesce(holds.total, 0),
    s.version, s.hash, clock_timestamp(), house.*
  from chain_ends s
  cross join house
  left join (select wallet_id, sum(-amount) as total from transactions
    where type = 'hold' and status = 'pending' group by 1) as holds on holds.wallet_id = s.wallet_id;
  update wallets w set seq = s.version * 2, changed_at = clock_timestamp()
  from chain_ends s where s.wallet_id = w.id;
  -- Another tenant, whose users all have a limit and an alert.
  insert into wallets (tenant, user_id) select 'other', 'o' || n from generate_series(1, p_wallets / 4) n;
  insert into limits (wallet_id, type, currency, max_amount)
  select id, 'transfer', 'USD', 100 from wallets where tenant = 'other';
  insert into monitors (wallet_id, currency, direction, threshold)
  select id, 'USD', 'below', 100 from wallets where tenant = 'other';
  -- What a provider reported of topups: a tenth.
  insert into provider_events (provider, event_id, id, kind, payment_id, tenant, topup_id, user_id, outcome, received_at)
  select 'stripe', 'evt_' || n, uuid_at(t.at), 'succeeded', 'pi_' || n, 'default', gen_random_uuid(), 'u1', 'applied', t.at
  from generate_series(1, p_rows / 10) n
  cross join lateral (select v_start + p_days * interval '1 day' * random() as at) as t;
  insert into idempotency_keys (tenant, actor, key, command_hash, result, created_at)
  select 'default', 'u' || n % p_wallets, 'key ' || n, md5(n::text), '{}', clock_timestamp()
  from generate_series(1, p_rows / 10) n;
end
$$;
