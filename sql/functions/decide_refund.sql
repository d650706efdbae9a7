-- Gives back a payment or a captured hold, whole or in parts: together never more than was paid.
create or replace function decide_refund(c ledger_command, t transactions) returns decision
language plpgsql immutable as $$
declare
  v_left constant bigint := abs(t.amount) - t.refunded;
  v_amount constant bigint := coalesce(c.amount, v_left);
begin
  if t.type not in ('booking_payment', 'hold') then
    return refuse('wrong_type', jsonb_build_object('type', t.type));
  elsif t.status <> 'success' then
    return refuse('not_refundable', jsonb_build_object('status', t.status));
  elsif c.amount <= 0 then
    return refuse('invalid_amount');
  elsif v_amount > v_left or v_left = 0 then
    return refuse('refund_exceeds_payment',
      jsonb_build_object('currency', t.currency, 'maximum', v_left));
  end if;
  return accept('refund', v_amount, 'success', v_amount, 0);
end
$$;
