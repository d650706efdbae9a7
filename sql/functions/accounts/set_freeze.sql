-- Freezes a wallet for debits, for credits, for both, or unfreezes it, under the wallet's lock. It tells the user by an
-- event, which names a currency and the balance in it as every event does. Returns what is frozen afterwards. If that
-- is frozen already for this reason, nothing is written, and events and outbox_id are null. Returns no row if the user
-- is not known.
create or replace function set_freeze(
  p_tenant text, p_user_id text, p_currency text, p_debits boolean, p_credits boolean, p_reason text, p_actor text)
returns table (debits boolean, credits boolean, events json, outbox_id bigint)
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
#variable_conflict use_column
declare
  wallet wallets;
  frozen freezes;
  v_now timestamptz;
begin
  select * into wallet from wallets where tenant = p_tenant and user_id = p_user_id for update;
  if wallet.id is null then
    return;
  end if;
  select * into frozen from freeze_of(wallet.id);
  debits := p_debits;
  credits := p_credits;
  if (p_debits, p_credits) = (coalesce(frozen.debits, false), coalesce(frozen.credits, false))
      and (not (p_debits or p_credits) or p_reason is not distinct from frozen.reason) then
    return next;
    return;
  end if;
  v_now := ledger_clock();
  update wallets set seq = seq + 1, changed_at = v_now where id = wallet.id returning seq into wallet.seq;
  if not found then
    perform miscounted('wallets', 1, 0);
  end if;
  insert into freezes (wallet_id, seq, debits, credits, reason, changed_by, changed_at)
  values (wallet.id, wallet.seq, p_debits, p_credits, p_reason, p_actor, v_now);
  if not found then
    perform miscounted('freezes', 1, 0);
  end if;
  insert into event_rows (wallet_id, seq, events, currency, new_balance, details, created_at)
  values (wallet.id, wallet.seq,
    array[case when p_debits or p_credits then 'wallet_frozen' else 'wallet_unfrozen' end]::event_name[], p_currency,
    coalesce((select balance from balance_snapshots where wallet_id = wallet.id and currency = p_currency), 0),
    (select jsonb_build_object('frozen', sides)
     from frozen_sides((select w from wallets as w where w.id = wallet.id)) as sides where sides is not null), v_now);
  if not found then
    perform miscounted('event_rows', 1, 0);
  end if;
  insert into outbox (wallet_ids, after_seqs, last_seqs, claimed_at)
  values (array[wallet.id], array[wallet.seq - 1], array[wallet.seq], v_now) returning id into outbox_id;
  if outbox_id is null then
    perform miscounted('outbox', 1, 0);
  end if;
  select json_agg(streamed) into events
  from stream_between(wallet.id, wallet.seq - 1, wallet.seq) streamed;
  return next;
end
$$;
