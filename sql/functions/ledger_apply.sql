-- The one way to move money. Takes an array of commands and applies them in order, in one transaction:
-- each is accepted or refused by itself (a refusal is a value) and leaves all that it changed: the
-- transaction, the entry, the snapshot, the events and its idempotency key. Returns a result for each
-- command, in order; the events, to be published; and the outbox row that stands until they are.
--
-- An exception (a value of a wrong type, a bug) undoes the whole batch: the caller then tries each alone.
-- One generic plan serves all sizes of batch, for planning anew would cost more than the work itself. It
-- may be made while the tables are empty and must still be right when they are not: always by index.
create or replace function ledger_apply(p_commands json)
returns table (results json, events json, outbox_id bigint)
language plpgsql security definer
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
#variable_conflict use_column
declare
  cmds ledger_command[];
  locked locked_wallets;
  loaded loaded_accounts;
  named named_transactions;
  known known_answers;
  -- What the commands change: wallets, accounts by place, named transactions.
  wal wallet_state[];
  acc account_state[];
  by_key jsonb;
  txs transactions[];
  -- What they add.
  fresh transactions[] := '{}';
  postings entries[] := '{}';
  stream event_stream[] := '{}';
  answers ledger_result[] := '{}';
  n int;
  n_keys int;
  n_named int;
  n_transfers int;
  n_fresh int := 0;
  n_postings int := 0;
  n_events int := 0;
  -- The command at hand, what is decided of it, and the places of what it is about.
  c ledger_command;
  d decision;
  l decision;
  a account_state;
  w wallet_state;
  t transactions;
  m monitors;
  i_account int;
  i_receiver int;
  i_named int;
  v_sides int;
  v_delta bigint;
  v_previous bigint;
  v_house bigint;
  v_transfer uuid;
  v_now timestamptz := clock_timestamp();
begin
  select array_agg(json_populate_record(null::ledger_command, j.value) order by j.ordinality),
    count(*), count(j.value ->> 'idempotency_key'), count(j.value ->> 'transaction_id'),
    count(j.value ->> 'to_user_id')
  into cmds, n, n_keys, n_named, n_transfers
  from json_array_elements(p_commands) with ordinality as j;

  locked := lock_wallets(cmds, n_named, n_transfers);
  wal := locked.wallets;
  loaded := load_accounts(wal, '{}');
  acc := coalesce(loaded.accounts, '{}');
  by_key := coalesce(loaded.by_key, '{}');
  if n_named > 0 then
    named := load_named(cmds);
    txs := named.transactions;
  end if;
  if n_keys > 0 then
    known := known_answers(cmds);
  end if;

  for i in 1 .. n loop
    c := cmds[i];

    if n_keys > 0 and (known.hashes[i] is not null or known.twins[i] < i) then
      if coalesce(known.hashes[i], cmds[known.twins[i]].command_hash) <> c.command_hash then
        answers[i] := row('idempotency_key_reused', '{}', null, false)::ledger_result;
      else
        answers[i] := coalesce(
          jsonb_populate_record(null::ledger_result, known.answers[i]), answers[known.twins[i]]);
        answers[i].replayed := true;
      end if;
      continue;
    end if;

    -- Find what it is about.
    i_receiver := null;
    if c.transaction_id is not null then
      i_named := named.by_id ->> c.transaction_id::text;
      t := txs[i_named];
      i_account := by_key ->> ((locked.by_id ->> t.wallet_id::text) || t.currency);
    else
      i_named := null;
      t := null;
      i_account := by_key ->> ((locked.by_name ->> (c.tenant || ' ' || c.user_id)) || c.currency);
      if c.to_user_id is not null then
        i_receiver := by_key ->> ((locked.by_name ->> (c.tenant || ' ' || c.to_user_id)) || c.currency);
      end if;
      if i_account is null or (c.to_user_id is not null and i_receiver is null) then
        perform open_accounts(cmds, wal);
        loaded := load_accounts(wal, acc);
        acc := acc || loaded.accounts;
        by_key := by_key || coalesce(loaded.by_key, '{}');
        i_account := by_key ->> ((locked.by_name ->> (c.tenant || ' ' || c.user_id)) || c.currency);
        i_receiver := by_key ->> ((locked.by_name ->> (c.tenant || ' ' || c.to_user_id)) || c.currency);
      end if;
    end if;
    a := acc[i_account];
    w := wal[a.wallet];
    v_now := greatest(clock_timestamp(), v_now + interval '1 microsecond',
      w.changed_at + interval '1 microsecond');

    -- Decide.
    if i_account is null then
      d := refuse(case
        when c.transaction_id is not null then 'not_found'
        when c.user_id is null or c.currency is null then 'invalid_command'
        when not exists (select from currencies where code = c.currency) then 'unknown_currency'
        else 'unknown_user' end);
    elsif i_named is null then
      d := decide_opening(c, a);
      if d.refusal is null and w.watched and c.op <> 'adjustment' then
        l := limit_refusal(a, d.type, c.amount, v_now, fresh, txs);
        if l.refusal is not null then
          d := l;
        end if;
      end if;
      if d.refusal is null and c.op = 'transfer' then
        if i_receiver is null then
          d := refuse('unknown_user');
        else
          d := decide_credit(acc[i_receiver], c.amount, d);
          v_now := greatest(v_now, wal[acc[i_receiver].wallet].changed_at + interval '1 microsecond');
        end if;
      end if;
    elsif c.tenant <> t.tenant or c.user_id <> t.user_id then
      d := refuse('not_found');
    elsif c.currency <> t.currency then
      d := refuse('currency_mismatch', jsonb_build_object('currency', t.currency));
    elsif c.op = 'refund' then
      c.currency := t.currency;
      d := decide_refund(c, a, t);
    else
      d := decide_settling(c, a, t, v_now);
    end if;

    if d.refusal is not null then
      answers[i] := row(d.refusal, d.details, null, false)::ledger_result;
      if d.refusal = 'insufficient_funds' then
        w.seq := w.seq + 1;
        w.changed_at := v_now;
        wal[a.wallet] := w;
        n_events := n_events + 1;
        stream[n_events] := row(w.id, w.tenant, w.user_id, w.seq, 'balance_insufficient', a.currency,
          a.balance, null, null, null, null, null, abs(c.amount), a.balance - a.held, null, null,
          c.traceparent, v_now)::event_stream;
      end if;
      continue;
    end if;

    -- Apply: to the account, and of a transfer to the receiver's too.
    v_sides := case when c.op = 'transfer' then 2 else 1 end;
    for v_side in 1 .. v_sides loop
      v_delta := d.balance_delta;
      if v_side = 2 then
        i_account := i_receiver;
        a := acc[i_receiver];
        w := wal[a.wallet];
        v_delta := -d.balance_delta;
      end if;

      if i_named is null then
        t := opened_transaction(c, w, d, case v_side when 1 then d.amount else -d.amount end,
          v_transfer, v_now);
        v_transfer := case when v_side < v_sides then t.id end;
      elsif c.op = 'refund' then
        txs[i_named].refunded := t.refunded + d.amount;
        txs[i_named].updated_at := v_now;
        t := opened_transaction(c, w, d, d.amount, null, v_now);
      else
        t := settled_transaction(c, t, d, v_now);
      end if;

      a.held := a.held + d.held_delta;
      a.updated_at := v_now;
      w.changed_at := v_now;
      if v_delta <> 0 then
        v_previous := a.balance;
        a.balance := a.balance + v_delta;
        a.version := a.version + 1;
        t.previous_balance := v_previous;
        t.new_balance := a.balance;
        v_house := case t.type when 'topup' then a.cash when 'withdrawal' then a.cash
          when 'transfer' then a.transit when 'admin_adjustment' then a.adjustments else a.revenue end;
        if v_delta > 0 then
          a.hash := entry_hash(a.hash, a.account_id, a.version, t.id, v_house, a.account_id, v_delta,
            v_previous, a.balance, v_now);
        else
          a.hash := entry_hash(a.hash, a.account_id, a.version, t.id, a.account_id, v_house, -v_delta,
            v_previous, a.balance, v_now);
        end if;
        n_postings := n_postings + 1;
        postings[n_postings] := row(a.account_id, a.version, t.id,
          case when v_delta > 0 then v_house else a.account_id end,
          case when v_delta > 0 then a.account_id else v_house end,
          abs(v_delta), v_previous, a.balance, v_now, a.hash)::entries;
        w.seq := w.seq + 1;
        n_events := n_events + 1;
        stream[n_events] := event_about(
          w, t, 'balance_updated', v_previous, a.balance, c.traceparent, v_now);
      end if;
      if t.status <> 'pending' then
        w.seq := w.seq + 1;
        n_events := n_events + 1;
        stream[n_events] := event_about(w, t,
          case t.status when 'success' then 'transaction_completed' else 'transaction_failed' end,
          null, a.balance, c.traceparent, v_now);
      end if;
      if w.watched and v_delta <> 0 then
        for m in select * from crossed_monitors(a, v_previous) loop
          w.seq := w.seq + 1;
          n_events := n_events + 1;
          stream[n_events] := row(w.id, w.tenant, w.user_id, w.seq, 'balance_alert', a.currency,
            a.balance, v_previous, t.id, t.type, t.status, t.amount, null, null, m.threshold,
            m.direction, c.traceparent, v_now)::event_stream;
        end loop;
      end if;

      acc[i_account] := a;
      wal[a.wallet] := w;
      if i_named is null or c.op = 'refund' then
        n_fresh := n_fresh + 1;
        fresh[n_fresh] := t;
      else
        txs[i_named] := t;
      end if;
      if v_side = 1 then
        answers[i] := row(null, null, t, false)::ledger_result;
      end if;
    end loop;
  end loop;

  -- Write.
  update wallets x set seq = s.seq, changed_at = s.changed_at
  from unnest(wal) s where x.id = s.id and x.changed_at <> s.changed_at;
  update balance_snapshots x
  set balance = s.balance, held = s.held, version = s.version, hash = s.hash, updated_at = s.updated_at
  from unnest(acc) s where x.account_id = s.account_id and x.updated_at <> s.updated_at;
  if n_named > 0 then
    update transactions x
    set amount = s.amount, status = s.status, admin_notes = s.admin_notes,
      processed_by = s.processed_by, previous_balance = s.previous_balance,
      new_balance = s.new_balance, refunded = s.refunded, metadata = s.metadata,
      updated_at = s.updated_at
    from unnest(txs) s where x.id = s.id and x.updated_at <> s.updated_at;
  end if;
  if n_fresh > 0 then
    insert into transactions select * from unnest(fresh);
  end if;
  if n_postings > 0 then
    insert into entries select * from unnest(postings);
  end if;
  if n_keys > 0 then
    insert into idempotency_keys (tenant, actor, key, command_hash, result, created_at)
    select q.tenant, q.actor, q.idempotency_key, q.command_hash, to_jsonb(answers[q.ordinality]), v_now
    from unnest(cmds) with ordinality as q
    where known.twins[q.ordinality] = q.ordinality and known.hashes[q.ordinality] is null
    order by 1, 2, 3;
  end if;
  if n_events > 0 then
    insert into events
    select e.wallet_id, e.seq, e.event, e.currency, e.new_balance, e.previous_balance,
      e.transaction_id, e.transaction_type, e.status, e.amount, e.required_amount, e.available,
      e.threshold, e.direction, e.traceparent, e.created_at
    from unnest(stream) e;
    insert into outbox (wallet_ids, first_seqs, last_seqs)
    select array_agg(s.id), array_agg(s.first_seq + 1), array_agg(s.seq)
    from unnest(wal) s where s.seq > s.first_seq
    returning id into outbox_id;
  end if;
  results := array_to_json(answers);
  events := array_to_json(stream);
  return next;
end
$$;
