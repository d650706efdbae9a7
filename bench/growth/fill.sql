-- A ledger of some size, by sets instead of by ledger_apply(): p_rows transactions, entries and events in
-- p_wallets wallets over the last 30 days, a tenth of them of one busy user, `hot`. What it writes is sound:
-- balances, versions, times and hashes are those that the audit asks for.
create unlogged table house (cash bigint, revenue bigint, adjustments bigint, transit bigint);
create unlogged table chain_ends (account_id bigint, wallet_id bigint, user_id text, version bigint,
  balance bigint, hash bytea);
create unlogged table fresh (account_id bigint, wallet_id bigint, user_id text, version bigint,
  new_balance bigint, hash bytea, id uuid, type transaction_type, delta bigint, other bigint,
  at timestamptz);

-- The next posting of a wallet: payments, every fifth a topup, every 500th an admin's adjustment.
create function posted(s chain_ends, h house, p_at timestamptz) returns setof fresh
language sql as $$
  select s.account_id, s.wallet_id, s.user_id, s.version + 1, s.balance + n.delta,
    entry_hash(s.hash, s.account_id, s.version + 1, n.id,
      case when n.delta > 0 then n.other else s.account_id end,
      case when n.delta > 0 then s.account_id else n.other end,
      abs(n.delta), s.balance, s.balance + n.delta, p_at),
    n.id, n.type, n.delta, n.other, p_at
  from (select uuid_at(us(p_at)) as id, k.*
    from (select 'admin_adjustment'::transaction_type as type, 1000000::bigint as delta, h.adjustments as other
        where s.version % 500 = 0
      union all select 'topup', 100, h.cash where s.version % 500 <> 0 and s.version % 5 = 0
      union all select 'booking_payment', -1 - s.version % 20, h.revenue where s.version % 5 <> 0) as k) as n
$$;

create procedure fill(p_rows bigint, p_wallets integer) language plpgsql as $$
declare
  v_rounds constant integer := greatest((p_rows * 9 / 10 / p_wallets)::integer, 1);
  v_hot constant integer := greatest((p_rows / 10 / v_rounds)::integer, 1);
  v_start constant timestamptz := date_trunc('milliseconds', clock_timestamp()) - interval '30 days';
  v_pace constant interval := interval '30 days' / (v_rounds + 1);
  h chain_ends;
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
    insert into fresh
    select p.* from chain_ends s, house,
      posted(s, house, v_start + v_pace * v_round + s.wallet_id * interval '10 microseconds') p
    where s.user_id <> 'hot';
    select * into h from chain_ends where user_id = 'hot';
    for v_n in 1 .. v_hot loop
      insert into fresh
      select p.* from house,
        posted(h, house, v_start + v_pace * v_round + v_n * (v_pace / (v_hot + 1))) p
      returning account_id, wallet_id, user_id, version, new_balance, hash into h;
    end loop;

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
  select uuid_at(us(at)), w.id, 'default', w.user_id, x.type, x.amount, 'USD', x.status, w.user_id,
    case x.type when 'hold' then clock_timestamp() + interval '1 day' end, at, at
  from generate_series(1, greatest(p_rows / 1000, 10)) n
  cross join (values ('topup'::transaction_type, 1, 'pending'::transaction_status),
    ('topup', 1, 'failed'), ('hold', -1, 'pending')) as x (type, amount, status)
  cross join lateral (select v_start + interval '30 days' * random() as at) as t
  join wallets w on w.id = 1 + n % (p_wallets + 1);

  insert into balance_snapshots (account_id, wallet_id, tenant, user_id, currency, balance, held, version,
    hash, updated_at, cash, revenue, adjustments, transit)
  select s.account_id, s.wallet_id, 'default', s.user_id, 'USD', s.balance,
    (select coalesce(sum(-t.amount), 0) from transactions t
     where t.wallet_id = s.wallet_id and t.type = 'hold' and t.status = 'pending'),
    s.version, s.hash, clock_timestamp(), house.*
  from chain_ends s cross join house;
  update wallets w set seq = s.version, changed_at = clock_timestamp()
  from chain_ends s where s.wallet_id = w.id;
  insert into idempotency_keys (tenant, actor, key, command_hash, result, created_at)
  select 'default', 'u' || n % p_wallets, 'key ' || n, md5(n::text), '{}', clock_timestamp()
  from generate_series(1, p_rows / 10) n;
end
$$;
