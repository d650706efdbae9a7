-- A transaction as an accepted command opens it, on an account that is already changed. Postgres inlines the body.
create or replace function opened_transaction(
  command ledger_command, decision decision, account account_state, p_id uuid, p_at timestamptz
) returns transactions language sql stable as $$
  select row(
    p_id,
    account.wallet_id,
    command.tenant,
    command.user_id,
    decision.type,
    decision.amount,
    account.currency,
    decision.status,
    command.description,
    command.admin_notes,
    command.actor,  -- created_by
    case when command.op = 'adjustment' and decision.status = 'success' then command.actor end,  -- processed_by
    case when command.op in ('adjustment', 'refund') and decision.status = 'pending' then command.actor end,  -- approved_by
    case when command.op in ('adjustment', 'refund') and decision.status = 'pending' then p_at end,  -- approved_at
    command.reference_id,
    command.reference_type,
    case decision.status when 'success' then account.balance - decision.balance_delta end,
    case decision.status when 'success' then account.balance end,
    0,  -- refunded
    null,  -- held_amount
    case command.op when 'hold' then p_at + make_interval(secs => command.expires_in) end,
    case command.op when 'hold' then row(0, coalesce(command.overage, 'refuse'), null, null)::hold_state end,
    command.metadata,
    null,  -- split
    p_at,
    p_at
  )::transactions
$$;
