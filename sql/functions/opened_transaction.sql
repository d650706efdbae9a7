-- The transaction that an accepted command opens in one wallet. Of a transfer both sides carry the
-- sender's id as their reference (p_transfer; null while it is the sender's own being made).
create or replace function opened_transaction(
  c ledger_command, w wallet_state, d decision, p_amount bigint, p_transfer uuid, p_at timestamptz
) returns transactions language plpgsql as $$
declare
  v_id constant uuid := uuid_at(us(p_at));
begin
  return row(v_id, w.id, c.tenant, w.user_id, d.type, p_amount, c.currency, d.status, c.description,
    c.admin_notes, c.actor,
    case when c.op in ('refund', 'adjustment') then c.actor end,
    case c.op when 'refund' then c.transaction_id::text
      when 'transfer' then coalesce(p_transfer, v_id)::text else c.reference_id end,
    case c.op when 'refund' then 'transaction' when 'transfer' then 'transfer' else c.reference_type end,
    null, null, 0,
    case c.op when 'hold' then p_at + make_interval(secs => c.expires_in) end,
    case when c.op <> 'transfer' then c.metadata
      when p_transfer is null then jsonb_build_object('toUserId', c.to_user_id)
      else jsonb_build_object('fromUserId', c.user_id) end,
    p_at, p_at)::transactions;
end
$$;
