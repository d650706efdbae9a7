-- The parts of a command that has a split, or that refunds a payment which has one (p_payment): plan_split() and
-- plan_refund() in one shape. Returns a refusal or the parts, and of a refund also those of the payment. All are null
-- for a refund without parts.
create or replace function plan_parts(
  command ledger_command, p_decision decision, p_currency text, txn transactions, p_payment transactions,
  p_at timestamptz, out objection decision, out parts jsonb, out payment_parts jsonb
) language plpgsql volatile as $$
declare
  plan record;
begin
  if command.op in ('refund', 'refund_process') and p_decision.status <> 'failed' then
    -- A split that the command itself has does not count.
    if p_payment.split is not null then
      select refund.parts, refund.payment_parts into parts, payment_parts
      from plan_refund(p_payment, p_decision.amount, p_decision.status = 'pending', p_at) as refund;
    end if;
  elsif command.op not in ('payment', 'hold_capture') or p_decision.status <> 'success' then
    objection := refuse('invalid_split', '{"field": "split"}');
  else
    select * into plan from plan_split(command.tenant, p_currency, coalesce(txn.user_id, command.user_id),
      abs(p_decision.amount), command.split, p_at);
    objection := plan.objection;
    parts := plan.parts;
  end if;
end
$$;
