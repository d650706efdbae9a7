-- The one way to move money. Takes an array of commands and applies them in order, in one transaction:
-- each is accepted or refused by itself (a refusal is a value) and leaves all that it changed: the
-- transaction, the entry, the snapshot, the events and its idempotency key. Returns a result for each
-- command, in order; the changes that the accepted ones made, with the events to be published; and the
-- outbox row that stands until they are.
--
-- An exception (a value of a wrong type, a bug) undoes the whole batch: the caller then tries each alone.
--
-- It reads and locks what the whole batch is about, works on that in memory, and writes each table once:
-- a statement costs as much as several rows. One generic plan serves all sizes of batch, for planning anew
-- would cost more than the work itself. It may be made while the tables are empty and must still be right
-- when they are not: always by index.
create or replace function ledger_apply(p_commands json)
returns table (results json, changes json, outbox_id bigint)
language plpgsql security definer
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
-- Whoever locks a wallet for long delays a batch by no more than this: see src/ledger/locked-wallets.ts.
set lock_timeout = '500ms' as $$
#variable_conflict use_column
declare
  -- What is asked, and by command the wallets of its user and of its receiver.
  asked record;
  cmds ledger_command[];
  receivers bigint[] := '{}';
  owners bigint[] := '{}';
  known known_answers;
  -- The locked wallets in the order of their ids, and what the batch makes of them.
  locked record;
  seqs bigint[];
  times timestamptz[];
  dirty boolean[];
  -- Their accounts, by `<wallet><currency>`, and the transactions that commands name.
  loaded record;
  added record;
  acc account_state[];
  named record;
  txs transactions[];
  txs_dirty boolean[] := '{}';
  -- What the batch adds.
  postings entries[] := '{}';
  done ledger_change[] := '{}';
  answers ledger_result[] := '{}';
  n_postings int := 0;
  n_done int := 0;
  n_opened int := 0;
  n_events bigint := 0;
  n_wallets int := 0;
  n_accounts int := 0;
  n_txs int := 0;
  v_written bigint;
  -- The command at hand, what is decided of it, and the places of what it is about.
  c ledger_command;
  d decision;
  l decision;
  a account_state;
  t transactions;
  m monitors;
  i_account int;
  i_receiver int;
  i_named int;
  v_told event_name[];
  v_id uuid;
  v_previous bigint;
  v_house bigint;
  v_now timestamptz;
begin
  -- Read the commands, and find their wallets.
  for v_round in 1 .. 2 loop
    select array_agg(x.c) as commands, array_agg(x.wallet) as wallets, count(*) as n,
      count(x.wallet) as n_wallets, count((x.c).idempotency_key) as n_keys,
      count((x.c).transaction_id) as n_named, count((x.c).to_user_id) as n_transfers
    into asked
    from (
      select c, case when c.transaction_id is null then
        (select w.id from wallets w where w.tenant = c.tenant and w.user_id = c.user_id) end as wallet
      from json_populate_recordset(null::ledger_command, p_commands) as c
      offset 0
    ) as x;
    cmds := asked.commands;
    exit when v_round = 2 or asked.n_wallets = asked.n - asked.n_named;
    perform open_wallets(cmds);
  end loop;
  if asked.n_transfers > 0 then
    receivers := array(
      select (select w.id from wallets w where w.tenant = c.tenant and w.user_id = c.to_user_id)
      from unnest(cmds) as c);
  end if;
  if asked.n_named > 0 then
    owners := array(
      select t.wallet_id from unnest(cmds) as c
      join transactions t on t.tenant = c.tenant and t.id = c.transaction_id);
  end if;

  -- Lock them in the order of their ids: so no two batches wait for one another.
  select array_agg(w.id) as ids, array_agg(w.seq) as seqs,
    array_agg(w.changed_at) as times, array_agg(w.watched) as watched
  into locked
  from (
    select id, seq, changed_at, watched from wallets
    where id = any (asked.wallets || receivers || owners) order by id for update
  ) as w;
  seqs := locked.seqs;
  times := locked.times;
  dirty := array_fill(false, array[coalesce(cardinality(seqs), 0)]);

  -- Read what the locks protect, by statements of their own: so they see what the last holder committed.
  select * into loaded from load_accounts(locked.ids, '{}');
  acc := loaded.accounts;
  if asked.n_named > 0 then
    select * into named from load_named(cmds);
    txs := named.transactions;
    txs_dirty := array_fill(false, array[coalesce(cardinality(txs), 0)]);
  end if;
  if asked.n_keys > 0 then
    known := known_answers(cmds);
  end if;
  v_now := ledger_clock();

  for i in 1 .. asked.n loop
    c := cmds[i];

    if asked.n_keys > 0 and (known.hashes[i] is not null or known.twins[i] < i) then
      answers[i] := case
        when coalesce(known.hashes[i], cmds[known.twins[i]].command_hash) <> c.command_hash then
          row('idempotency_key_reused', '{}', null, false, null)::ledger_result
        when known.hashes[i] is null then answers[known.twins[i]]
        else jsonb_populate_record(null::ledger_result, known.answers[i]) end;
      answers[i].replayed := answers[i].refusal is distinct from 'idempotency_key_reused';
      continue;
    end if;

    -- Find what it is about.
    i_named := null;
    i_receiver := null;
    if c.transaction_id is null then
      i_account := array_position(loaded.keys, asked.wallets[i] || c.currency);
      if c.to_user_id is not null then
        i_receiver := array_position(loaded.keys, receivers[i] || c.currency);
      end if;
      if i_account is null or (i_receiver is null and c.to_user_id is not null) then
        perform open_accounts(cmds, locked.ids);
        select * into added from load_accounts(locked.ids, loaded.keys);
        acc := acc || added.accounts;
        loaded.keys := loaded.keys || added.keys;
        i_account := array_position(loaded.keys, asked.wallets[i] || c.currency);
        i_receiver := array_position(loaded.keys, receivers[i] || c.currency);
      end if;
    else
      i_named := array_position(named.ids, c.transaction_id);
      t := txs[i_named];
      i_account := array_position(loaded.keys, t.wallet_id || t.currency);
    end if;
    a := acc[i_account];
    -- The clock, whatever it said before: order is by version and seq. No two commands of a batch are dated alike.
    v_now := v_now + interval '1 microsecond';

    -- Decide.
    if i_account is null then
      d := refuse(case
        when c.transaction_id is not null then 'not_found'
        when c.user_id is null or c.currency is null then 'invalid_command'
        when not exists (select from currencies where code = c.currency) then 'unknown_currency'
        else 'unknown_user' end);
    elsif i_named is null then
      d := decide_opening(c.op, c.amount, c.user_id, c.to_user_id, c.expires_in);
    elsif c.tenant <> t.tenant or c.user_id <> t.user_id then
      d := refuse('not_found');
    elsif c.currency <> t.currency then
      d := refuse('currency_mismatch', jsonb_build_object('currency', t.currency));
    elsif c.op = 'refund' then
      d := decide_refund(c, t);
    else
      d := decide_settling(c, t, v_now);
    end if;
    if d.refusal is null then
      l := funds_refusal(a.currency, a.balance, a.held, d.balance_delta, d.held_delta);
      if l.refusal is null and i_named is null and locked.watched[a.wallet] and c.op <> 'adjustment' then
        l := limit_refusal(a, d.type, c.amount, v_now, done, txs);
      end if;
      if l.refusal is null and c.op = 'transfer' then
        l := case when i_receiver is null then refuse('unknown_user') else funds_refusal(
          a.currency, acc[i_receiver].balance, acc[i_receiver].held, -d.balance_delta, 0) end;
        -- The receiver's room is not the sender's business.
        if l.refusal = 'balance_limit_exceeded' then
          l.details := '{}';
        end if;
      end if;
      if l.refusal is not null then
        d := l;
      end if;
    end if;

    if d.refusal is not null then
      answers[i] := row(d.refusal, d.details, null, false, null)::ledger_result;
      if d.refusal = 'insufficient_funds' then
        seqs[a.wallet] := seqs[a.wallet] + 1;
        times[a.wallet] := v_now;
        dirty[a.wallet] := true;
        n_events := n_events + 1;
        n_done := n_done + 1;
        done[n_done] := row(null, a.wallet_id, c.tenant, c.user_id, null, null, a.currency, null, null,
          null, null, null, null, null, null, null, null, null, null, v_now, false,
          '{balance_insufficient}', seqs[a.wallet], a.balance, abs(c.amount), a.balance - a.held,
          null, null, c.traceparent)::ledger_change;
      end if;
      continue;
    end if;

    -- Apply: to the account, and of a transfer to the receiver's too.
    for v_side in 1 .. case when c.op = 'transfer' then 2 else 1 end loop
      if v_side = 2 then
        i_account := i_receiver;
        a := acc[i_receiver];
        d.amount := -d.amount;
        d.balance_delta := -d.balance_delta;
        c.metadata := jsonb_build_object('fromUserId', c.user_id);
        c.user_id := c.to_user_id;
      elsif c.op = 'transfer' then
        c.metadata := jsonb_build_object('toUserId', c.to_user_id);
      end if;

      v_previous := a.balance;
      if v_now < a.updated_at then
        insert into clock_steps (account_id, version) values (a.account_id, a.version + 1)
        on conflict do nothing;
      end if;
      if d.balance_delta <> 0 then
        a.balance := a.balance + d.balance_delta;
        a.version := a.version + 1;
      end if;
      a.held := a.held + d.held_delta;
      a.updated_at := v_now;
      a.dirty := true;
      -- Whatever succeeds moves money, and nothing else does.
      v_told := case d.status when 'pending' then '{}'::event_name[]
        when 'success' then '{balance_updated,transaction_completed}' else '{transaction_failed}' end;
      times[a.wallet] := v_now;
      dirty[a.wallet] := true;
      seqs[a.wallet] := seqs[a.wallet] + cardinality(v_told);
      n_events := n_events + cardinality(v_told);

      n_done := n_done + 1;
      if i_named is null or c.op = 'refund' then
        if c.op = 'refund' then
          txs[i_named].refunded := t.refunded + d.amount;
          txs[i_named].updated_at := v_now;
          txs_dirty[i_named] := true;
          c.user_id := t.user_id;
          c.reference_id := t.id;
          c.reference_type := 'transaction';
        end if;
        v_id := uuid_at(v_now);
        n_opened := n_opened + 1;
        if c.op = 'transfer' and v_side = 1 then
          -- Both sides carry the sender's id.
          c.reference_id := v_id;
          c.reference_type := 'transfer';
        end if;
        done[n_done] := row(v_id, a.wallet_id, c.tenant, c.user_id, d.type, d.amount, a.currency,
          d.status, c.description, c.admin_notes, c.actor,
          case when c.op in ('refund', 'adjustment') then c.actor end, c.reference_id, c.reference_type,
          case d.status when 'success' then v_previous end,
          case d.status when 'success' then a.balance end,
          case c.op when 'hold' then v_now + make_interval(secs => c.expires_in) end, c.metadata, v_now,
          v_now, true, v_told, seqs[a.wallet], a.balance, null, null, null, null,
          c.traceparent)::ledger_change;
      else
        t := settled_transaction(c, t, d, v_previous, v_now);
        v_id := t.id;
        txs[i_named] := t;
        txs_dirty[i_named] := true;
        done[n_done] := row(t.id, t.wallet_id, t.tenant, t.user_id, t.type, t.amount, t.currency,
          t.status, t.description, t.admin_notes, t.created_by, t.processed_by, t.reference_id,
          t.reference_type, t.previous_balance, t.new_balance, t.expires_at, t.metadata, t.created_at,
          t.updated_at, false, v_told, seqs[a.wallet], a.balance, null, null, null, null,
          c.traceparent)::ledger_change;
      end if;
      if v_side = 1 then
        answers[i] := row(null, null, n_done - 1, false, null)::ledger_result;
      end if;

      if d.balance_delta <> 0 then
        v_house := house_account(d.type, a.cash, a.revenue, a.adjustments, a.transit);
        n_postings := n_postings + 1;
        if d.balance_delta > 0 then
          a.hash := entry_hash(a.hash, a.account_id, a.version, v_id, v_house, a.account_id,
            d.balance_delta, v_previous, a.balance, v_now);
          postings[n_postings] := row(a.account_id, a.version, v_id, v_house, a.account_id,
            d.balance_delta, v_previous, a.balance, v_now, a.hash)::entries;
        else
          a.hash := entry_hash(a.hash, a.account_id, a.version, v_id, a.account_id, v_house,
            -d.balance_delta, v_previous, a.balance, v_now);
          postings[n_postings] := row(a.account_id, a.version, v_id, a.account_id, v_house,
            -d.balance_delta, v_previous, a.balance, v_now, a.hash)::entries;
        end if;
        if locked.watched[a.wallet] then
          for m in select * from crossed_monitors(a, v_previous) loop
            seqs[a.wallet] := seqs[a.wallet] + 1;
            n_events := n_events + 1;
            n_done := n_done + 1;
            done[n_done] := done[n_done - 1];
            done[n_done].opened := false;
            done[n_done].events := '{balance_alert}';
            done[n_done].seq := seqs[a.wallet];
            done[n_done].threshold := m.threshold;
            done[n_done].direction := m.direction;
          end loop;
        end if;
      end if;
      acc[i_account] := a;
    end loop;
  end loop;

  -- Write. By key; each statement is counted, so that nothing is written without the rest of it.
  n_wallets := cardinality(array_positions(dirty, true));
  update wallets x set seq = s.seq, changed_at = s.changed_at
  from unnest(locked.ids, seqs, times, dirty) as s (id, seq, changed_at, dirty)
  where s.dirty and x.id = s.id;
  get diagnostics v_written = row_count;
  if v_written <> n_wallets then
    perform miscounted('wallets', n_wallets, v_written);
  end if;
  if n_wallets > 0 then
    n_accounts := (select count(*) from unnest(acc) as s where s.dirty);
    update balance_snapshots x
    set balance = s.balance, held = s.held, version = s.version, hash = s.hash, updated_at = s.updated_at
    from unnest(acc) as s where s.dirty and x.account_id = s.account_id;
    get diagnostics v_written = row_count;
    if v_written <> n_accounts then
      perform miscounted('balance_snapshots', n_accounts, v_written);
    end if;
  end if;
  n_txs := cardinality(array_positions(txs_dirty, true));
  if n_txs > 0 then
    update transactions x
    set amount = s.amount, status = s.status, admin_notes = s.admin_notes,
      processed_by = s.processed_by, previous_balance = s.previous_balance,
      new_balance = s.new_balance, refunded = s.refunded, metadata = s.metadata,
      updated_at = s.updated_at
    from unnest(txs) with ordinality as s
    where txs_dirty[s.ordinality] and x.tenant = s.tenant and x.id = s.id;
    get diagnostics v_written = row_count;
    if v_written <> n_txs then
      perform miscounted('transactions', n_txs, v_written);
    end if;
  end if;
  if n_opened > 0 then
    insert into transactions
    select d.id, d.wallet_id, d.tenant, d.user_id, d.type, d.amount, d.currency, d.status,
      d.description, d.admin_notes, d.created_by, d.processed_by, d.reference_id, d.reference_type,
      d.previous_balance, d.new_balance, 0, d.expires_at, d.metadata, d.created_at, d.updated_at
    from unnest(done) as d where d.opened;
    get diagnostics v_written = row_count;
    if v_written <> n_opened then
      perform miscounted('transactions', n_opened, v_written);
    end if;
  end if;
  if n_postings > 0 then
    insert into entries select * from unnest(postings);
    get diagnostics v_written = row_count;
    if v_written <> n_postings then
      perform miscounted('entries', n_postings, v_written);
    end if;
  end if;
  if n_events > 0 then
    insert into events
    select e.wallet_id, e.seq, e.name, e.currency, e.balance,
      case when e.name in ('balance_updated', 'balance_alert') then e.previous_balance end,
      e.id, e.type, e.status, e.amount, e.required_amount, e.available, e.threshold, e.direction,
      e.traceparent, e.updated_at
    from (
      select d.wallet_id, d.currency, d.balance, d.previous_balance, d.id, d.type, d.status, d.amount,
        d.required_amount, d.available, d.threshold, d.direction, d.traceparent, d.updated_at,
        generate_series(d.seq - cardinality(d.events) + 1, d.seq) as seq, unnest(d.events) as name
      from unnest(done) as d
    ) as e;
    get diagnostics v_written = row_count;
    if v_written <> n_events then
      perform miscounted('events', n_events, v_written);
    end if;
    insert into outbox (wallet_ids, after_seqs, last_seqs, claimed_at)
    values (locked.ids, locked.seqs, seqs, ledger_clock())
    returning id into outbox_id;
    if outbox_id is null then
      perform miscounted('outbox', 1, 0);
    end if;
  end if;
  if asked.n_keys > 0 then
    insert into idempotency_keys (tenant, actor, key, command_hash, result, created_at)
    select q.tenant, q.actor, q.idempotency_key, q.command_hash,
      jsonb_build_object('refusal', r.refusal, 'details', r.details,
        'transaction', to_jsonb(done[r.change + 1])), v_now
    from unnest(cmds) with ordinality as q
    join unnest(answers) with ordinality as r on r.ordinality = q.ordinality
    where known.twins[q.ordinality] = q.ordinality and known.hashes[q.ordinality] is null
    order by 1, 2, 3;
    get diagnostics v_written = row_count;
    n_wallets := (select count(*) from unnest(known.twins, known.hashes) with ordinality as k (twin, hash, place)
      where k.twin = k.place and k.hash is null);
    if v_written <> n_wallets then
      perform miscounted('idempotency_keys', n_wallets, v_written);
    end if;
  end if;
  results := array_to_json(answers);
  changes := array_to_json(done);
  return next;
end
$$;
