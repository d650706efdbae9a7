-- Rebuilds a wallet's snapshot from its entries and open holds, under the wallet's lock, and tells its
-- user: the event raises seq, so that the cache takes the balance whatever it held. No row: no such wallet.
-- With a claimed idempotency key, its answer is kept with what it did; if the claim is another's or the key has
-- an answer by now, nothing is done.
create or replace function recalculate(
  p_tenant text, p_user_id text, p_currency text,
  p_actor text default null, p_key text default null, p_claim uuid default null)
returns table (previous_balance bigint, new_balance bigint, corrected boolean, events json, outbox_id bigint)
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
#variable_conflict use_column
declare
  w wallets;
  s balance_snapshots;
  r balance_snapshots;
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
  select * into w from wallets where tenant = p_tenant and user_id = p_user_id for update;
  select * into s from balance_snapshots where wallet_id = w.id and currency = p_currency;
  if s.account_id is null then
    return;
  end if;
  v_now := ledger_clock();
  update balance_snapshots x
  set balance = entries_sum(s.account_id), held = open_promises(w.id, p_currency), updated_at = v_now,
    version = coalesce(l.version, 0), hash = coalesce(l.hash, '')
  from (select 1) as one
  left join lateral (
    select version, hash from entries where account_id = s.account_id order by version desc limit 1
  ) l on true
  where x.account_id = s.account_id
  returning x.* into r;
  if r.account_id is null then
    perform miscounted('balance_snapshots', 1, 0);
  end if;
  if v_now < s.updated_at then
    insert into clock_steps (account_id, version) values (s.account_id, r.version + 1)
    on conflict do nothing;
  end if;
  previous_balance := s.balance;
  new_balance := r.balance;
  corrected := (s.balance, s.held, s.version, s.hash) <> (r.balance, r.held, r.version, r.hash);

  update wallets set seq = seq + 1, changed_at = v_now where id = w.id returning seq into w.seq;
  if not found then
    perform miscounted('wallets', 1, 0);
  end if;
  insert into events (wallet_id, seq, event, currency, new_balance, previous_balance, created_at)
  values (w.id, w.seq, 'balance_updated', p_currency, new_balance, previous_balance, v_now);
  if not found then
    perform miscounted('events', 1, 0);
  end if;
  insert into outbox (wallet_ids, after_seqs, last_seqs, claimed_at)
  values (array[w.id], array[w.seq - 1], array[w.seq], v_now) returning id into outbox_id;
  if outbox_id is null then
    perform miscounted('outbox', 1, 0);
  end if;
  if p_key is not null then
    perform keep_answer(p_tenant, p_actor, p_key, p_claim, json_build_object(
      'previousBalance', previous_balance::text, 'newBalance', new_balance::text,
      'corrected', corrected)::text);
  end if;
  select json_agg(v) into events from event_stream v where v.wallet_id = w.id and v.seq = w.seq;
  return next;
end
$$;
