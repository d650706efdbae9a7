-- Gives back a payment or a captured hold, whole or in parts: together never more than was paid.
create or replace function decide_refund(c ledger_command, a account_state, t transactions)
returns decision language plpgsql immutable as $$
declare
  v_left bigint := abs(t.amount) - t.refunded;
begin
  if t.type not in ('booking_payment', 'hold') then
    return refuse('wrong_type', jsonb_build_object('type', t.type));
  elsif t.status <> 'success' then
    return refuse('not_refundable', jsonb_build_object('status', t.status));
  elsif c.amount <= 0 then
    return refuse('invalid_amount');
  elsif coalesce(c.amount, v_left) > v_left or v_left = 0 then
    return refuse('refund_exceeds_payment',
      jsonb_build_object('currency', t.currency, 'maximum', v_left));
  end if;
  return decide_credit(a, coalesce(c.amount, v_left), accept('refund',
    coalesce(c.amount, v_left), 'success', coalesce(c.amount, v_left), 0));
end
$$;
