-- Decides a refund of a payment or a captured hold, in full or in part. All refunds together never exceed the payment.
-- Nobody may refund their own payment.
create or replace function decide_refund(command ledger_command, txn transactions) returns decision
language plpgsql immutable as $$
declare
  v_left constant bigint := abs(txn.amount) - txn.refunded;
  v_amount constant bigint := coalesce(command.amount, v_left);
begin
  if txn.type not in ('booking_payment', 'hold') then
    return refuse('wrong_type', jsonb_build_object('type', txn.type));
  elsif txn.status <> 'success' then
    return refuse('not_refundable', jsonb_build_object('status', txn.status));
  elsif command.actor = txn.user_id then
    return refuse('self_approval');
  elsif command.amount <= 0 then
    return refuse('invalid_amount');
  elsif v_amount > v_left or v_left = 0 then
    return refuse('refund_exceeds_payment',
      jsonb_build_object('currency', txn.currency, 'maximum', v_left));
  end if;
  return accept('refund', v_amount, 'success', v_amount, 0);
end
$$;
