-- Asks for the topup of an auto top-up that is due. Returns no row if it is not due any more: another process was
-- quicker. The wallet's lock decides, and the index auto_topup_under_way stands behind it.
create or replace function open_auto_topup(p_wallet bigint, p_currency text)
returns table (topup jsonb, method jsonb, applied jsonb)
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
#variable_conflict use_column
declare
  wallet wallets;
  rule auto_topups;
  event provider_events;
  step provider_step;
  v_now timestamptz;
begin
  select * into wallet from wallets where id = p_wallet for update;
  select * into rule from auto_topups where wallet_id = p_wallet and currency = p_currency;
  if not coalesce(auto_topup_is_due(rule), false) then
    return;
  end if;
  select to_jsonb(m) into method from saved_methods as m where m.wallet_id = p_wallet;
  event.provider := method ->> 'provider';
  step := provider_command(event, null::transactions, jsonb_build_object(
    'op', 'topup_request', 'tenant', wallet.tenant, 'user_id', wallet.user_id, 'currency', rule.currency,
    'amount', rule.amount, 'actor', 'system:auto-topup', 'description', 'Auto top-up',
    'metadata', jsonb_build_object('autoTopup', true)));
  if step.refusal is not null then
    -- The wallet has just been frozen for credits.
    return;
  end if;
  topup := step.applied -> 0 -> 'changes' -> 0 -> 'transaction';
  applied := step.applied;
  v_now := ledger_clock();
  insert into auto_topup_runs (tenant, topup_id, wallet_id, currency, amount, opened_at, tried_at)
  values (wallet.tenant, step.transaction_id, p_wallet, p_currency, rule.amount, v_now, v_now);
  return next;
end
$$;
