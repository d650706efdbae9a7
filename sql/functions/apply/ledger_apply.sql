-- The only way to move money. It takes an array of commands and applies them in order, in one transaction. Each
-- command is accepted or refused by itself, and a refusal is a value. It returns a result for each command, in order;
-- the changes, with the events to be published; and the id of the outbox row that exists until they are published. An
-- exception, such as a value of a wrong type or a bug, rolls back the whole batch.
--
-- Six phases:
--   1. Read the commands and find their wallets.
--   2. Lock the wallets.
--   3. Load the data that the locks protect.
--   4. Decide and apply each command in memory.
--   5. Write each table once, because a statement costs as much as several rows.
--   6. Answer.
--
-- One generic plan serves all sizes of batch, because planning would cost more than the work itself. The plan may be
-- made while the tables are empty and must still be right when they are full. So it always uses the indexes.
create or replace function ledger_apply(p_commands json)
returns table (results json, changes json, outbox_id bigint)
language plpgsql security definer
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
-- A wallet that another transaction keeps locked delays a batch by at most this time: see src/ledger/locked-wallets.ts.
set lock_timeout = '500ms' as $$
#variable_conflict use_column
declare
  -- 1. The commands and, for each, the wallets of its user, of its receiver and of the transaction that it names.
  asked record;
  commands ledger_command[];
  receiver_wallets bigint[] := '{}';
  other_wallets bigint[] := '{}';
  -- 2. The locked wallets in the order of their ids, and their state after the batch.
  locked record;
  wallet_seqs bigint[];
  wallet_times timestamptz[];
  wallet_dirty boolean[];
  -- 3. Their accounts, by `<wallet><currency>`; the transactions that commands name; the first answers to their keys.
  accounts account_state[];
  account_keys text[];
  named transactions[];
  named_ids uuid[];
  named_dirty boolean[] := '{}';
  has_four_eyes boolean;
  replays replays;
  -- 4. The rows that the batch adds, and the answer to each command. Of n_told changes events tell.
  entries_new entries[] := '{}';
  changes_new ledger_change[] := '{}';
  answers ledger_result[] := '{}';
  n_entries int := 0;
  n_changes int := 0;
  n_transactions int := 0;
  n_told int := 0;
  -- The current command, the rows that it concerns, and what is decided. A refund concerns a payment too.
  v_now timestamptz;
  command ledger_command;
  txn transactions;
  i_txn int;
  i_payment int;
  i_account int;
  i_receiver int;
  decision decision;
  objection decision;
  -- Of a split payment or its refund: its parts, and those to users, whose balances change by v_sign.
  plan record;
  parts jsonb;
  payees jsonb[];
  v_sign int;
  -- Its legs: one for each account that it is applied to, from 0.
  i_leg int;
  n_legs int;
  account account_state;
  written transactions;
  monitor monitors;
  is_opening boolean;
  is_touched boolean;
  v_id uuid;
  v_first_id uuid;
  v_events event_name[];
  postings record;
  n_postings int;
  v_house bigint;
  v_delta bigint;
  -- 5. Rows to be written, and rows written.
  n_dirty int;
  n_written int;
begin
  -- 1. Read the commands and find their wallets. Missing wallets are opened once.
  for v_round in 1 .. 2 loop
    select array_agg(read.command) as commands, array_agg(read.wallet) as wallets, count(*) as n,
      count(read.wallet) as n_wallets, count((read.command).idempotency_key) as n_keys,
      count((read.command).transaction_id) as n_named, count((read.command).to_user_id) as n_transfers,
      count((read.command).split) as n_splits,
      bool_or(is_deed((read.command).op, (read.command).role, (read.command).actor)) as has_deeds,
      bool_and((read.command).brief) as is_brief
    into asked
    from (
      select c as command, case when c.transaction_id is null then
        (select w.id from wallets w where w.tenant = c.tenant and w.user_id = c.user_id) end as wallet
      from json_populate_recordset(null::ledger_command, p_commands) as c
      offset 0
    ) as read;
    commands := asked.commands;
    exit when v_round = 2 or asked.n_wallets = asked.n - asked.n_named;
    perform open_wallets(commands);
  end loop;
  if asked.n_transfers > 0 then
    receiver_wallets := array(select (
      select w.id from wallets w where w.tenant = c.tenant and w.user_id = c.to_user_id) from unnest(commands) as c);
  end if;
  if asked.n_splits + asked.n_named > 0 then
    other_wallets := wallets_of_others(commands);
  end if;

  -- 2. Lock the wallets in the order of their ids, so that no two batches wait for each other.
  select array_agg(w.id) as ids, array_agg(w.seq) as seqs, array_agg(w.changed_at) as times,
    -- Limits of a tenant watch all of its users. Usually no tenant has any, which one look at an empty index says.
    array_agg(w.watched or (
      (select exists (select from tenants where settings ? 'limits'))
      and exists (select from tenants t where t.tenant = w.tenant and t.settings ? 'limits'))) as watched
  into locked
  from (
    select id, seq, changed_at, watched, tenant from wallets
    where id = any (asked.wallets || receiver_wallets || other_wallets) order by id for update
  ) as w;
  wallet_seqs := locked.seqs;
  wallet_times := locked.times;
  wallet_dirty := array_fill(false, array[coalesce(cardinality(wallet_seqs), 0)]);

  -- 3. Load the data that the locks protect. These are separate statements, so that they see the last holder's commit.
  if asked.n_splits > 0 then
    perform open_split_accounts(commands, locked.ids);
  end if;
  select accounts, keys into accounts, account_keys from load_accounts(locked.ids, '{}');
  if asked.n_named > 0 then
    select transactions, ids, four_eyes into named, named_ids, has_four_eyes from load_transactions(commands);
    named_dirty := array_fill(false, array[coalesce(cardinality(named), 0)]);
  end if;
  if asked.n_keys > 0 then
    replays := find_replays(commands);
  end if;
  v_now := ledger_clock();

  -- 4. Decide and apply, command by command, in memory. What a payment calls is inlined: a call costs some 10 µs.
  for i in 1 .. asked.n loop
    command := commands[i];
    -- No two commands of a batch have the same time. The clock may be set back: order comes from version and seq.
    v_now := v_now + interval '1 microsecond';

    if asked.n_keys > 0 and (replays.hashes[i] is not null or replays.twins[i] < i) then
      answers[i] := replay(replays.hashes[i], replays.answers[i], commands[replays.twins[i]].command_hash,
        answers[replays.twins[i]], command.command_hash);
      continue;
    end if;

    -- Find the transaction that it names, its account, and a receiver's account. A missing account is opened.
    if i_txn is not null then
      txn := null;
      i_txn := null;
      i_payment := null;
    end if;
    i_receiver := null;
    if command.transaction_id is not null then
      i_txn := array_position(named_ids, command.transaction_id);
      txn := named[i_txn];
      i_account := array_position(account_keys, txn.wallet_id || txn.currency);
    else
      i_account := array_position(account_keys, asked.wallets[i] || command.currency);
      if command.to_user_id is not null then
        i_receiver := array_position(account_keys, receiver_wallets[i] || command.currency);
      end if;
      if i_account is null or (i_receiver is null and command.to_user_id is not null) then
        perform open_accounts(commands, locked.ids);
        select accounts || opened.states, account_keys || opened.keys into accounts, account_keys
        from load_accounts(locked.ids, account_keys) as opened (states, keys);
        i_account := array_position(account_keys, asked.wallets[i] || command.currency);
        i_receiver := array_position(account_keys, receiver_wallets[i] || command.currency);
      end if;
    end if;
    account := accounts[i_account];

    -- Decide: the command itself; a freeze, the payment of a refund, the funds, the limits; the wallets of other users.
    decision := decide(command, account, txn, v_now);
    parts := null;
    if decision.refusal is null then
      objection := null;
      if locked.watched[account.wallet] then
        objection := check_freeze(account.wallet_id, command, decision);
      end if;
      if command.op = 'adjustment' or (i_txn is not null and has_four_eyes) then
        decision := need_second_admin(command, decision, txn);
      end if;
      if i_txn is not null and command.op = 'refund' then
        i_payment := i_txn;
      elsif command.op = 'refund_process' and decision.status = 'success' and objection.refusal is null then
        -- The payment belongs to the same wallet, so it is locked.
        i_payment := array_position(named_ids, txn.reference_id::uuid);
        if i_payment is null then
          named := named || (select t from transactions t where tenant = txn.tenant and t.id = txn.reference_id::uuid);
          named_ids := named_ids || txn.reference_id::uuid;
          named_dirty := named_dirty || false;
          i_payment := cardinality(named);
        end if;
        objection := check_refund(named[i_payment], decision.amount);
      end if;
      if objection.refusal is null then
        objection := check_funds(account.currency, account.balance, account.held, decision.balance_delta,
          decision.held_delta);
      end if;
      if objection.refusal is null and locked.watched[account.wallet] then
        if i_txn is null and command.op <> 'adjustment' then
          objection := check_limits(account, decision.type, command.amount, v_now, changes_new, named);
        elsif i_txn is not null and decision.held_delta > decision.balance_delta then
          objection := check_hold_limits(account, txn, decision.held_delta - decision.balance_delta, v_now, changes_new,
            named);
        end if;
      end if;
      if objection.refusal is null and command.op = 'transfer' then
        objection := check_receiver(command, decision, accounts[i_receiver], locked.watched);
      end if;
      if objection.refusal is null and (command.split is not null or named[i_payment].split is not null) then
        select * into plan from plan_parts(command, decision, account.currency, txn, named[i_payment], v_now);
        objection := plan.objection;
        parts := plan.parts;
        if objection.refusal is null and parts is not null and decision.status = 'success' then
          v_sign := -sign(decision.balance_delta);
          objection := check_payees(command, parts, v_sign, account.currency, accounts, account_keys, locked.watched);
        end if;
      end if;
      if objection.refusal is not null then
        decision := objection;
      end if;
    end if;

    -- Its answer, its events, and the legs of it. A refusal changes nothing, and few have an event.
    is_opening := decision.refusal is null and (i_txn is null or command.op = 'refund');
    i_leg := 0;
    n_legs := 0;
    if decision.refusal is not null then
      answers[i] := build_result(refusal => decision.refusal, details => decision.details);
      v_events := told_of_refusal(command, decision, txn);
      continue when v_events = '{}';
    else
      answers[i] := build_result(change => n_changes);
      v_events := told_by(decision.status, decision.held_delta);
      v_id := case when is_opening then uuid_at(v_now) else txn.id end;
      v_first_id := v_id;
      if i_payment is not null and decision.status = 'success' then
        named[i_payment].refunded := named[i_payment].refunded + decision.amount;
        named[i_payment].updated_at := v_now;
        named_dirty[i_payment] := true;
        if parts is not null then
          named[i_payment].split := plan.payment_parts;
        end if;
      end if;
      if command.op = 'transfer' then
        payees := '{}';
        n_legs := 1;
      elsif parts is not null and decision.status = 'success' then
        payees := array(select p from jsonb_array_elements(parts) as p where p ? 'wallet');
        n_legs := cardinality(payees);
      end if;
    end if;

    -- Apply it to the account. A transfer is then applied to the receiver's account too, with the opposite sign, and a
    -- split payment to those of its payees.
    loop
      -- The account, and an entry if its balance changes. A refusal leaves it as it is, as does a capture in part.
      is_touched := is_opening or decision.status <> 'pending' or decision.held_delta <> 0;
      if is_touched then
        if v_now < account.updated_at then
          insert into clock_steps (account_id, version) values (account.account_id, account.version + 1)
          on conflict do nothing;
        end if;
        account.updated_at := v_now;
        account.dirty := true;
        account.held := account.held + decision.held_delta;
      end if;
      if decision.balance_delta <> 0 then
        v_delta := decision.balance_delta;
        v_house := house_account(decision.type, account.cash, account.revenue, account.adjustments, account.transit);
        n_postings := 1;
        if parts is not null and i_leg = 0 then
          select * into postings from split_postings(parts, -v_sign, account.transit);
          n_postings := cardinality(postings.amounts);
        end if;
        for i_posting in 1 .. n_postings loop
          if parts is not null and i_leg = 0 then
            v_delta := postings.amounts[i_posting];
            v_house := postings.houses[i_posting];
          end if;
          account.balance := account.balance + v_delta;
          account.version := account.version + 1;
          account.hash := entry_hash(account.hash, account.account_id, account.version, v_id,
            case when v_delta > 0 then v_house else account.account_id end,
            case when v_delta > 0 then account.account_id else v_house end,
            abs(v_delta), account.balance - v_delta, account.balance, v_now);
          n_entries := n_entries + 1;
          entries_new[n_entries] := build_entry(account, v_id, v_delta, v_house);
        end loop;
      end if;
      accounts[i_account] := account;

      -- The transaction: a new one or the one that is named. A refused debit has none.
      if is_opening then
        n_transactions := n_transactions + 1;
        written := opened_transaction(command, decision, account, v_id, v_now);
        if i_leg > 0 or command.op in ('transfer', 'refund') then
          written := linked_transaction(written, command, txn, v_first_id, i_leg > 0, payees[i_leg] ->> 'to');
        end if;
      elsif decision.refusal = 'insufficient_funds' then
        written := refused_transaction(command, account, txn, v_now);
      elsif decision.refusal is not null then
        written := exhausted_hold(txn, wallet_seqs[account.wallet] + 1, v_now);
      elsif decision.status = 'pending' and txn.type = 'hold' then
        v_events := v_events || told_of_hold(command, txn);
        written := changed_hold(command, txn, decision, v_events,
          wallet_seqs[account.wallet] + cardinality(v_events), v_now);
      else
        written := settled_transaction(command, txn, decision, account, v_now);
      end if;
      if parts is not null and i_leg = 0 then
        written.split := parts;
      end if;
      if not is_opening and written.id is not null then
        named[i_txn] := written;
        named_dirty[i_txn] := true;
      end if;

      -- The events of the wallet's user.
      wallet_seqs[account.wallet] := wallet_seqs[account.wallet] + cardinality(v_events);
      if is_touched or cardinality(v_events) > 0 then
        wallet_times[account.wallet] := v_now;
        wallet_dirty[account.wallet] := true;
      end if;
      n_told := n_told + (cardinality(v_events) > 0)::int;
      n_changes := n_changes + 1;
      changes_new[n_changes] := build_change(
        transaction => written, opened => is_opening, events => v_events, seq => wallet_seqs[account.wallet],
        balance => account.balance, traceparent => command.traceparent,
        details => case when decision.balance_delta = 0 and cardinality(v_events) > 0 then
          told_details(decision, account, written) end);
      if decision.balance_delta <> 0 and locked.watched[account.wallet] then
        for monitor in select * from crossed_monitors(account, account.balance - decision.balance_delta) loop
          wallet_seqs[account.wallet] := wallet_seqs[account.wallet] + 1;
          n_told := n_told + 1;
          n_changes := n_changes + 1;
          changes_new[n_changes] := build_change(
            transaction => written, events => '{balance_alert}', seq => wallet_seqs[account.wallet],
            balance => account.balance, traceparent => command.traceparent,
            details => jsonb_build_object('threshold', monitor.threshold, 'direction', monitor.direction));
        end loop;
      end if;

      -- The next leg.
      exit when i_leg = n_legs;
      i_leg := i_leg + 1;
      is_opening := true;
      if command.op = 'transfer' then
        i_account := i_receiver;
        v_id := uuid_at(v_now);
        decision := accept('transfer', -decision.amount, 'success', -decision.balance_delta, 0);
      else
        i_account := array_position(account_keys, payees[i_leg] ->> 'wallet' || account.currency);
        v_id := payees[i_leg] ->> 'transactionId';
        v_delta := v_sign * (payees[i_leg] ->> 'amount')::bigint;
        decision := accept('split', v_delta, 'success', v_delta, 0);
      end if;
      account := accounts[i_account];
    end loop;
  end loop;

  -- 5. Write by key. Each statement is counted, so that all rows are written or none.
  n_dirty := cardinality(array_positions(wallet_dirty, true));
  if n_dirty > 0 then
    update wallets w set seq = s.seq, changed_at = s.changed_at
    from unnest(locked.ids, wallet_seqs, wallet_times, wallet_dirty) as s (id, seq, changed_at, dirty)
    where s.dirty and w.id = s.id;
    get diagnostics n_written = row_count;
    if n_written <> n_dirty then perform miscounted('wallets', n_dirty, n_written); end if;
    n_dirty := (select count(*) from unnest(accounts) as s where s.dirty);
    update balance_snapshots b
    set balance = s.balance, held = s.held, version = s.version, hash = s.hash, updated_at = s.updated_at
    from unnest(accounts) as s where s.dirty and b.account_id = s.account_id;
    get diagnostics n_written = row_count;
    if n_written <> n_dirty then perform miscounted('balance_snapshots', n_dirty, n_written); end if;
  end if;
  if true = any (named_dirty) then
    perform update_transactions(named, named_dirty);
  end if;
  if n_transactions > 0 then
    insert into transactions select (opened.transaction).* from unnest(changes_new) as opened where opened.opened;
    get diagnostics n_written = row_count;
    if n_written <> n_transactions then perform miscounted('transactions', n_transactions, n_written); end if;
  end if;
  if n_entries > 0 then
    insert into entries select * from unnest(entries_new);
    get diagnostics n_written = row_count;
    if n_written <> n_entries then perform miscounted('entries', n_entries, n_written); end if;
  end if;
  if n_told > 0 then
    insert into event_rows (generation, wallet_id, seq, events, currency, new_balance, previous_balance, transaction_id,
      transaction_type, status, amount, details, traceparent, created_at)
    -- As event_generation() says, without the cost of a call.
    select (select max(generation) from event_generations where began_at is not null),
      (change.transaction).wallet_id, change.seq, change.events, (change.transaction).currency, change.balance,
      (change.transaction).previous_balance, (change.transaction).id, (change.transaction).type,
      (change.transaction).status, (change.transaction).amount, change.details, change.traceparent,
      (change.transaction).updated_at
    from unnest(changes_new) as change
    where cardinality(change.events) > 0;
    get diagnostics n_written = row_count;
    if n_written <> n_told then perform miscounted('event_rows', n_told, n_written); end if;
    insert into outbox (wallet_ids, after_seqs, last_seqs, claimed_at)
    values (locked.ids, locked.seqs, wallet_seqs, v_now) returning id into outbox_id;
    if outbox_id is null then perform miscounted('outbox', 1, 0); end if;
  end if;
  if asked.n_keys > 0 then
    n_dirty := (select count(*) from unnest(replays.twins, replays.hashes) with ordinality
      as r (twin, hash, place) where r.twin = r.place and r.hash is null);
    insert into idempotency_keys (tenant, actor, key, command_hash, result, created_at)
    select c.tenant, c.actor, c.idempotency_key, c.command_hash,
      jsonb_build_object('refusal', a.refusal, 'details', a.details,
        'transaction', to_jsonb(changes_new[a.change + 1].transaction)), v_now
    from unnest(commands) with ordinality as c
    join unnest(answers) with ordinality as a on a.ordinality = c.ordinality
    where replays.twins[c.ordinality] = c.ordinality and replays.hashes[c.ordinality] is null
    order by 1, 2, 3;
    get diagnostics n_written = row_count;
    if n_written <> n_dirty then perform miscounted('idempotency_keys', n_dirty, n_written); end if;
  end if;
  if asked.has_deeds then
    perform note_commands(commands, answers, changes_new);
  end if;

  -- 6. Answer.
  results := array_to_json(answers);
  if asked.is_brief then
    -- Of a payment the rest is as in its command. Metadata is not: jsonb may write it otherwise.
    changes := (select coalesce(json_agg(case
        when change.opened and (change.transaction).type = 'booking_payment'
            and (change.transaction).split is null and (change.transaction).metadata is null then
          json_build_object('id', (change.transaction).id, 'at', (change.transaction).created_at,
            'seq', change.seq, 'balance', change.balance)
        else to_json(change) end), '[]')
      from unnest(changes_new) as change);
  else
    changes := array_to_json(changes_new);
  end if;
  return next;
end
$$;
