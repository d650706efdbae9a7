-- A ledger of some size, by sets instead of by ledger_apply(): p_rows transactions, entries and events in
-- p_wallets wallets over the last 30 days, a tenth of them of one busy user, `hot`. What it writes is sound:
-- balances, versions, times and hashes are those that the audit asks for.
create unlogged table house (cash bigint, revenue bigint, adjustments bigint, transit bigint);
create unlogged table chain_ends (account_id bigint, wallet_id bigint, user_id text, version bigint,
  balance bigint, hash bytea);
create unlogged table fresh (account_id bigint, wallet_id bigint, user_id text, version bigint,
  new_balance bigint, hash bytea, id uuid, type transaction_type, delta bigint, other bigint,
  at timestamptz);

create procedure fill(p_rows bigint, p_wallets integer) language plpgsql as $$
declare
  v_rounds constant integer := greatest((p_rows * 9 / 10 / p_wallets)::integer, 1);
  v_hot constant integer := greatest((p_rows / 10 / v_rounds)::integer, 1);
  v_start constant timestamptz := date_trunc('milliseconds', clock_timestamp()) - interval '30 days';
  v_pace constant interval := interval '30 days' / (v_rounds + 1);
begin
  insert into wallets (tenant, user_id)
  select 'default', case n when 0 then 'hot' else 'u' || n end from generate_series(0, p_wallets) n;
  insert into accounts (tenant, currency, kind)
  select 'default', 'USD', unnest(array['adjustments', 'cash', 'revenue', 'transit']);
  insert into accounts (tenant, currency, kind, wallet_id)
  select 'default', 'USD', 'wallet', id from wallets order by id;

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
          v_start + v_pace * v_round + s.wallet_id * interval '10 microseconds'
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
    insert into events (wallet_id, seq, event, currency, new_balance, previous_balance, transaction_id,
      transaction_type, status, amount, created_at)
    select wallet_id, version, 'balance_updated', 'USD', new_balance, new_balance - delta, id, type,
      'success', delta, at
    from fresh;
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
  cross join lateral (select v_start + interval '30 days' * random() as at) as t
  join wallets w on w.id = 1 + n % (p_wallets + 1);

  insert into balance_snapshots (account_id, wallet_id, tenant, user_id, currency, balance, held, version,
    hash, updated_at, cash, revenue, adjustments, transit)
  select s.account_id, s.wallet_id, 'default', s.user_id, 'USD', s.balance,
    coalesce(holds.total, 0),
    s.version, s.hash, clock_timestamp(), house.*
  from chain_ends s
  cross join house
  left join (select wallet_id, sum(-amount) as total from transactions
    where type = 'hold' and status = 'pending' group by 1) as holds on holds.wallet_id = s.wallet_id;
  update wallets w set seq = s.version, changed_at = clock_timestamp()
  from chain_ends s where s.wallet_id = w.id;
  insert into idempotency_keys (tenant, actor, key, command_hash, result, created_at)
  select 'default', 'u' || n % p_wallets, 'key ' || n, md5(n::text), '{}', clock_timestamp()
  from generate_series(1, p_rows / 10) n;
end
$$;
