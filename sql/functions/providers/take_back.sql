-- Takes money of a refund or a dispute back from the wallet, by an adjustment or a hold. It takes what is available,
-- so that no balance falls below zero, and records the rest as a debt. The caller holds the wallet's lock.
create or replace function take_back(
  event provider_events, topup transactions, p_amount bigint, p_by text, p_cause text
) returns provider_step language plpgsql security definer set search_path = public, pg_temp as $$
declare
  step provider_step;
  v_available constant bigint := (select balance - held from balance_snapshots
    where wallet_id = topup.wallet_id and currency = topup.currency);
  v_taken bigint := least(p_amount, v_available);
begin
  step.applied := '[]';
  if v_taken > 0 then
    step := provider_command(event, topup, jsonb_build_object(
      'user_id', topup.user_id, 'currency', topup.currency,
      'description', 'The payment provider reports a ' || p_cause || '.',
      'reference_type', 'topup', 'reference_id', topup.id) || case p_by
        when 'hold' then jsonb_build_object('op', 'hold', 'amount', v_taken, 'expires_in', 31622400)
        else jsonb_build_object('op', 'adjustment', 'amount', -v_taken) end);
    if step.refusal is not null then
      v_taken := 0;
    end if;
  end if;
  step.taken := v_taken;
  if v_taken < p_amount then
    insert into debts (id, wallet_id, tenant, user_id, currency, amount, cause, topup_id, created_at)
    values (event.id, topup.wallet_id, topup.tenant, topup.user_id, topup.currency, p_amount - v_taken, p_cause,
      topup.id, ledger_clock());
    step.refusal := coalesce(step.refusal, 'insufficient_funds');
  end if;
  return step;
end
$$;
