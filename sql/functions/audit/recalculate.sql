-- Rebuilds a wallet's snapshot from its entries and open holds, under the wallet's lock. It returns no row if the
-- wallet does not exist. It writes an event, whose higher seq makes the cache take the balance. With a claimed
-- idempotency key the answer is stored in the same transaction. If the claim was lost, or the key has an answer, the
-- function raises and changes nothing.
create or replace function recalculate(
  p_tenant text, p_user_id text, p_currency text,
  p_actor text default null, p_key text default null, p_claim uuid default null)
returns table (previous_balance bigint, new_balance bigint, corrected boolean, events json, outbox_id bigint)
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
#variable_conflict use_column
declare
  wallet wallets;
  before balance_snapshots;
  rebuilt balance_snapshots;
  v_now timestamptz;
begin
  if p_key is not null then
    perform from idempotency_keys
    where tenant = p_tenant and actor = p_actor and key = p_key and claim = p_claim
      and result = 'null' for update;
    if not found then
      raise exception 'the idempotency key is not claimed' using errcode = 'serialization_failure';
    end if;
  end if;
  select * into wallet from wallets where tenant = p_tenant and user_id = p_user_id for update;
  select * into before from balance_snapshots where wallet_id = wallet.id and currency = p_currency;
  if before.account_id is null then
    return;
  end if;
  v_now := ledger_clock();
  update balance_snapshots snapshot
  set balance = entries_sum(before.account_id), held = open_promises(wallet.id, p_currency),
    updated_at = v_now, version = coalesce(newest.version, 0), hash = coalesce(newest.hash, '')
  from (select 1) as one
  left join lateral (
    select version, hash from entries where account_id = before.account_id order by version desc limit 1
  ) newest on true
  where snapshot.account_id = before.account_id
  returning snapshot.* into rebuilt;
  if rebuilt.account_id is null then
    perform miscounted('balance_snapshots', 1, 0);
  end if;
  if v_now < before.updated_at then
    insert into clock_steps (account_id, version) values (before.account_id, rebuilt.version + 1)
    on conflict do nothing;
  end if;
  previous_balance := before.balance;
  new_balance := rebuilt.balance;
  corrected := (before.balance, before.held, before.version, before.hash)
    <> (rebuilt.balance, rebuilt.held, rebuilt.version, rebuilt.hash);

  update wallets set seq = seq + 1, changed_at = v_now where id = wallet.id returning seq into wallet.seq;
  if not found then
    perform miscounted('wallets', 1, 0);
  end if;
  insert into event_rows (wallet_id, seq, events, currency, new_balance, previous_balance, created_at)
  values (wallet.id, wallet.seq, '{balance_updated}', p_currency, new_balance, previous_balance, v_now);
  if not found then
    perform miscounted('event_rows', 1, 0);
  end if;
  insert into outbox (wallet_ids, after_seqs, last_seqs, claimed_at)
  values (array[wallet.id], array[wallet.seq - 1], array[wallet.seq], v_now) returning id into outbox_id;
  if outbox_id is null then
    perform miscounted('outbox', 1, 0);
  end if;
  if p_key is not null then
    perform keep_answer(p_tenant, p_actor, p_key, p_claim, json_build_object(
      'previousBalance', previous_balance::text, 'newBalance', new_balance::text,
      'corrected', corrected)::text);
  end if;
  select json_agg(streamed) into events
  from stream_between(wallet.id, wallet.seq - 1, wallet.seq) streamed;
  return next;
end
$$;
