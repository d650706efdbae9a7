-- The one way to move money. Takes an array of commands and applies them in order, in one transaction:
-- each is accepted or refused by itself (a refusal is a value) and leaves all that it changed: the
-- transaction, the entry, the snapshot, the events and its idempotency key. Returns a result for each
-- command, in order; the events, to be published; and the outbox row that stands until they are.
--
-- An exception (a value of a wrong type, a bug) undoes the whole batch: the caller then tries each alone.
create or replace function ledger_apply(p_commands json)
returns table (results json, events json, outbox_id bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
  cmds ledger_command[];
  wal wallet_state[];
  acc account_state[];
  named transactions[];             -- what commands name, as it stands after each of them
  fresh transactions[] := '{}';     -- what commands open
  postings entries[] := '{}';
  stream event_stream[] := '{}';
  answers ledger_result[] := '{}';
  targets command_target[];
  limited bigint[];
  watched monitors[];
  n_fresh int := 0;
  n_postings int := 0;
  n_events int := 0;
  c ledger_command;
  g command_target;
  d decision;
  l decision;
  a account_state;
  t transactions;
  m monitors;
  v_refused boolean;
  v_is_new boolean;
  v_place int;
  v_delta bigint;
  v_previous bigint;
  v_transfer uuid;
  v_debit bigint;
  v_credit bigint;
  v_now timestamptz := clock_timestamp();
begin
  select array_agg(json_populate_record(null::ledger_command, j.value) order by j.ordinality)
  into cmds from json_array_elements(p_commands) with ordinality as j;

  wal := lock_wallets(cmds);
  select coalesce(array_agg(x), '{}') into named from transactions x
  where x.id = any (array(select q.transaction_id from unnest(cmds) q where q.transaction_id is not null));
  select coalesce(array_agg(x.wallet_id), '{}') into limited from limits x
  where x.wallet_id = any (array(select w.id from unnest(wal) w));
  select coalesce(array_agg(x), '{}') into watched from monitors x
  where x.wallet_id = any (array(select w.id from unnest(wal) w));
  acc := load_accounts(wal);
  targets := target_commands(cmds, wal, acc, named);
  for i in 1 .. coalesce(array_length(cmds, 1), 0) loop
    if targets[i].house_account is null or targets[i].account is null
        or (cmds[i].to_user_id is not null and targets[i].receiver is null) then
      if open_accounts(cmds, wal) then
        acc := load_accounts(wal);
        targets := target_commands(cmds, wal, acc, named);
      end if;
      exit;
    end if;
  end loop;

  for i in 1 .. coalesce(array_length(cmds, 1), 0) loop
    c := cmds[i];
    g := targets[i];

    if g.known_hash is not null or g.twin < i then
      if coalesce(g.known_hash, cmds[g.twin].command_hash) is distinct from c.command_hash then
        answers[i] := row('idempotency_key_reused', '{}', null, false)::ledger_result;
      else
        answers[i] := coalesce(jsonb_populate_record(null::ledger_result, g.known_result), answers[g.twin]);
        answers[i].replayed := true;
      end if;
      continue;
    end if;

    -- Decide.
    v_now := greatest(clock_timestamp(), v_now + interval '1 microsecond');
    a := acc[g.account];
    if a.account_id is null then
      d := refuse(case
        when c.transaction_id is not null then 'not_found'
        when c.user_id is null or c.currency is null then 'invalid_command'
        when not exists (select from currencies where code = c.currency) then 'unknown_currency'
        else 'unknown_user' end);
    else
      v_now := greatest(v_now, wal[a.wallet].changed_at + interval '1 microsecond');
      t := named[g.named];
      if t.id is null then
        d := decide_opening(c, a);
      elsif c.user_id <> t.user_id then
        d := refuse('not_found');
      elsif c.currency <> t.currency then
        d := refuse('currency_mismatch', jsonb_build_object('currency', t.currency));
      elsif c.op = 'refund' then
        d := decide_refund(c, a, t);
      else
        d := decide_settling(c, a, t, v_now);
      end if;
      if d.refusal is null and c.op = 'transfer' then
        if g.receiver is null then
          d := refuse('unknown_user');
        else
          d := decide_credit(acc[g.receiver], c.amount, d);
          v_now := greatest(v_now,
            wal[acc[g.receiver].wallet].changed_at + interval '1 microsecond');
        end if;
      end if;
      if d.refusal is null and t.id is null and c.op <> 'adjustment' and a.wallet_id = any (limited) then
        l := limit_refusal(a, d.type, c.amount, v_now, fresh);
        if l.refusal is not null then
          d := l;
        end if;
      end if;
    end if;

    if d.refusal is not null then
      answers[i] := row(d.refusal, d.details, null, false)::ledger_result;
      if d.refusal = 'insufficient_funds' then
        wal[a.wallet].seq := wal[a.wallet].seq + 1;
        wal[a.wallet].changed_at := v_now;
        n_events := n_events + 1;
        t := null;
        t.currency := a.currency;
        stream[n_events] := event_about(
          wal[a.wallet], t, 'balance_insufficient', null, a.balance, c.traceparent, v_now);
        stream[n_events].required_amount := abs(c.amount);
        stream[n_events].available := a.balance - a.held;
      end if;
      continue;
    end if;

    -- Apply: once to the account, and of a transfer once to the receiver's.
    v_is_new := g.named is null or c.op = 'refund';
    for v_side in 1 .. case when c.op = 'transfer' then 2 else 1 end loop
      v_place := case v_side when 1 then g.account else g.receiver end;
      v_delta := case v_side when 1 then d.balance_delta else -d.balance_delta end;
      a := acc[v_place];
      v_previous := a.balance;
      a.balance := a.balance + v_delta;
      a.held := a.held + case v_side when 1 then d.held_delta else 0 end;
      a.updated_at := v_now;
      wal[a.wallet].changed_at := v_now;

      if v_is_new then
        if c.op = 'refund' then
          named[g.named].refunded := t.refunded + d.amount;
          named[g.named].updated_at := v_now;
        end if;
        t := null;
        t.id := uuid_at(v_now);
        t.wallet_id := a.wallet_id;
        t.tenant := c.tenant;
        t.user_id := wal[a.wallet].user_id;
        t.type := d.type;
        t.amount := case v_side when 1 then d.amount else -d.amount end;
        t.currency := a.currency;
        t.status := d.status;
        t.description := c.description;
        t.admin_notes := c.admin_notes;
        t.created_by := c.actor;
        t.processed_by := case when c.op in ('refund', 'adjustment') then c.actor end;
        t.reference_id := coalesce(c.transaction_id::text, c.reference_id);
        t.reference_type := case when c.op = 'refund' then 'transaction' else c.reference_type end;
        t.refunded := 0;
        t.metadata := c.metadata;
        t.created_at := v_now;
        if c.op = 'hold' then
          t.expires_at := v_now + make_interval(secs => c.expires_in);
        elsif c.op = 'transfer' then
          v_transfer := case v_side when 1 then t.id else v_transfer end;
          t.reference_id := v_transfer;
          t.reference_type := 'transfer';
          t.metadata := case v_side when 1 then jsonb_build_object('toUserId', c.to_user_id)
            else jsonb_build_object('fromUserId', c.user_id) end;
        end if;
      else
        if c.op = 'hold_capture' and d.amount <> t.amount then
          t.metadata := coalesce(t.metadata, '{}') || jsonb_build_object('heldAmount', -t.amount);
        end if;
        t.amount := d.amount;
        t.status := d.status;
        t.admin_notes := coalesce(c.admin_notes, t.admin_notes);
        t.processed_by := c.actor;
      end if;
      t.updated_at := v_now;

      if v_delta <> 0 then
        t.previous_balance := v_previous;
        t.new_balance := a.balance;
        v_debit := case when v_delta > 0 then g.house_account else a.account_id end;
        v_credit := case when v_delta > 0 then a.account_id else g.house_account end;
        a.version := a.version + 1;
        a.hash := entry_hash(a.hash, a.account_id, a.version, t.id, v_debit, v_credit, abs(v_delta),
          v_previous, a.balance, v_now);
        n_postings := n_postings + 1;
        postings[n_postings] := row(a.account_id, a.version, t.id, v_debit, v_credit, abs(v_delta),
          v_previous, a.balance, v_now, a.hash)::entries;
        wal[a.wallet].seq := wal[a.wallet].seq + 1;
        n_events := n_events + 1;
        stream[n_events] := event_about(
          wal[a.wallet], t, 'balance_updated', v_previous, a.balance, c.traceparent, v_now);
      end if;
      if t.status <> 'pending' then
        wal[a.wallet].seq := wal[a.wallet].seq + 1;
        n_events := n_events + 1;
        stream[n_events] := event_about(wal[a.wallet], t,
          case t.status when 'success' then 'transaction_completed' else 'transaction_failed' end,
          null, a.balance, c.traceparent, v_now);
      end if;
      if v_delta <> 0 then
        foreach m in array watched loop
          if m.wallet_id = a.wallet_id and m.currency = a.currency and (
            (m.direction = 'below' and v_previous >= m.threshold and a.balance < m.threshold)
            or (m.direction = 'above' and v_previous <= m.threshold and a.balance > m.threshold)
          ) then
            wal[a.wallet].seq := wal[a.wallet].seq + 1;
            n_events := n_events + 1;
            stream[n_events] := event_about(
              wal[a.wallet], t, 'balance_alert', v_previous, a.balance, c.traceparent, v_now);
            stream[n_events].threshold := m.threshold;
            stream[n_events].direction := m.direction;
          end if;
        end loop;
      end if;

      acc[v_place] := a;
      if v_is_new then
        n_fresh := n_fresh + 1;
        fresh[n_fresh] := t;
      else
        named[g.named] := t;
      end if;
      if v_side = 1 then
        answers[i] := row(null, null, t, false)::ledger_result;
      end if;
    end loop;
  end loop;

  -- Write.
  update wallets x set seq = w.seq, changed_at = w.changed_at
  from unnest(wal) w where x.id = w.id and x.changed_at <> w.changed_at;
  update balance_snapshots x
  set balance = s.balance, held = s.held, version = s.version, hash = s.hash, updated_at = s.updated_at
  from unnest(acc) s where x.account_id = s.account_id and x.updated_at <> s.updated_at;
  update transactions x
  set amount = s.amount, status = s.status, admin_notes = s.admin_notes, processed_by = s.processed_by,
    previous_balance = s.previous_balance, new_balance = s.new_balance, refunded = s.refunded,
    metadata = s.metadata, updated_at = s.updated_at
  from unnest(named) s where x.id = s.id and x.updated_at <> s.updated_at;
  insert into transactions select * from unnest(fresh);
  insert into entries select * from unnest(postings);
  insert into events
  select e.wallet_id, e.seq, e.event, e.currency, e.new_balance, e.previous_balance,
    e.transaction_id, e.transaction_type, e.status, e.amount, e.required_amount, e.available,
    e.threshold, e.direction, e.traceparent, e.created_at
  from unnest(stream) e;
  insert into idempotency_keys (tenant, actor, key, command_hash, result, created_at)
  select q.tenant, q.actor, q.idempotency_key, q.command_hash, to_jsonb(answers[q.ordinality]), v_now
  from unnest(cmds) with ordinality as q
  where q.idempotency_key is not null
    and targets[q.ordinality].twin = q.ordinality and targets[q.ordinality].known_hash is null
  order by 1, 2, 3;
  if n_events > 0 then
    insert into outbox (wallet_ids, first_seqs, last_seqs)
    select array_agg(w.id), array_agg(w.first_seq + 1), array_agg(w.seq)
    from unnest(wal) w where w.seq > w.first_seq
    returning id into outbox_id;
  end if;
  results := coalesce(array_to_json(answers), '[]');
  events := array_to_json(stream);
  return next;
end
$$;
