-- A transaction as an accepted command opens it, on an account that is already changed. Both sides of a transfer name
-- the sender's transaction. A refund names the payment that it gives back: p_refunded. Postgres inlines the body.
create or replace function opened_transaction(
  command ledger_command, decision decision, account account_state, p_refunded transactions, p_id uuid,
  p_sender_id uuid, p_is_receiver boolean, p_at timestamptz
) returns transactions language sql stable as $$
  select row(
    p_id,
    account.wallet_id,
    command.tenant,
    case when command.op = 'refund' then p_refunded.user_id
      when p_is_receiver then command.to_user_id
      else command.user_id end,
    decision.type,
    decision.amount,
    account.currency,
    decision.status,
    command.description,
    command.admin_notes,
    command.actor,  -- created_by
    case when command.op in ('refund', 'adjustment') then command.actor end,  -- processed_by
    case command.op when 'transfer' then p_sender_id::text
      when 'refund' then p_refunded.id::text
      else command.reference_id end,
    case command.op when 'transfer' then 'transfer'
      when 'refund' then 'transaction'
      else command.reference_type end,
    case decision.status when 'success' then account.balance - decision.balance_delta end,
    case decision.status when 'success' then account.balance end,
    0,  -- refunded
    null,  -- held_amount
    case command.op when 'hold' then p_at + make_interval(secs => command.expires_in) end,
    case when command.op <> 'transfer' then command.metadata
      when p_is_receiver then jsonb_build_object('fromUserId', command.user_id)
      else jsonb_build_object('toUserId', command.to_user_id) end,
    p_at,
    p_at
  )::transactions
$$;
