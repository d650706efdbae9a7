-- Writes the event that tells a user that auto top-up is paused. Returns it as a row like those of ledger_apply(). The
-- caller holds the wallet's lock.
create or replace function tell_auto_topup_paused(topup transactions, p_reason text) returns jsonb
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_now constant timestamptz := ledger_clock();
  v_seq bigint;
  v_balance bigint;
  v_outbox_id bigint;
begin
  update wallets set seq = seq + 1, changed_at = v_now where id = topup.wallet_id returning seq into v_seq;
  if not found then
    perform miscounted('wallets', 1, 0);
  end if;
  v_balance := coalesce((
    select balance from balance_snapshots where wallet_id = topup.wallet_id and currency = topup.currency), 0);
  topup.updated_at := v_now;
  insert into event_rows (wallet_id, seq, events, currency, new_balance, transaction_id, transaction_type, status, amount,
    details, created_at)
  values (topup.wallet_id, v_seq, '{auto_topup_paused}', topup.currency, v_balance, topup.id, topup.type, topup.status,
    topup.amount, jsonb_build_object('reason', p_reason), v_now);
  insert into outbox (wallet_ids, after_seqs, last_seqs, claimed_at)
  values (array[topup.wallet_id], array[v_seq - 1], array[v_seq], v_now) returning id into v_outbox_id;
  return jsonb_build_array(jsonb_build_object('outbox_id', v_outbox_id::text, 'changes', jsonb_build_array(to_jsonb(
    build_change(transaction => topup, events => '{auto_topup_paused}', seq => v_seq, balance => v_balance,
      details => jsonb_build_object('reason', p_reason))))));
end
$$;
