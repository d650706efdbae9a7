-- Ends an open debt: `collect` takes what is available from the wallet, by an adjustment in the name of p_actor;
-- `write_off` gives the rest up. Nobody decides about their own debt. Returns the debt, or no row if the tenant has no such open debt.
create or replace function settle_debt(
  p_tenant text, p_id uuid, p_actor text, p_action text, p_origin jsonb default null)
returns table (debt debts, refusal text, applied jsonb)
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
declare
  event provider_events;
  step provider_step;
  v_taken bigint := 0;
begin
  select d.* into debt from debts as d where d.tenant = p_tenant and d.id = p_id;
  -- The wallet first, as everywhere.
  perform from wallets where id = debt.wallet_id for update;
  select d.* into debt from debts as d where d.tenant = p_tenant and d.id = p_id and d.status = 'open' for update;
  if debt.id is null then
    return;
  end if;
  applied := '[]';
  if debt.user_id = p_actor then
    refusal := 'self_approval';
    return next;
    return;
  end if;
  if p_action = 'collect' then
    v_taken := least(debt.amount - debt.collected, (select balance - held from balance_snapshots
      where wallet_id = debt.wallet_id and currency = debt.currency));
    if v_taken > 0 then
      step := provider_command(event, null::transactions, jsonb_build_object(
        'op', 'adjustment', 'tenant', p_tenant, 'actor', p_actor, 'origin', p_origin, 'user_id', debt.user_id,
        'currency', debt.currency, 'amount', -v_taken, 'description', 'Collects the debt of a ' || debt.cause || '.',
        'reference_type', 'topup', 'reference_id', debt.topup_id));
      refusal := step.refusal;
      applied := step.applied;
    else
      refusal := 'insufficient_funds';
    end if;
    if refusal is not null then
      return next;
      return;
    end if;
  end if;
  update debts as d
  set collected = d.collected + v_taken,
    status = case when p_action = 'write_off' then 'written_off'
      when d.collected + v_taken = d.amount then 'collected' else 'open' end,
    closed_by = case when p_action = 'write_off' or d.collected + v_taken = d.amount then p_actor end,
    closed_at = case when p_action = 'write_off' or d.collected + v_taken = d.amount then ledger_clock() end
  where d.id = p_id returning d.* into debt;
  return next;
end
$$;
