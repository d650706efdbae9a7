-- Rule: all refunds together never exceed the payment. Returns null if so much can be given back.
create or replace function check_refund(p_payment transactions, p_amount bigint) returns decision
language sql immutable as $$
  select case when p_amount > abs(p_payment.amount) - p_payment.refunded then
    refuse('refund_exceeds_payment', jsonb_build_object(
      'currency', p_payment.currency, 'maximum', abs(p_payment.amount) - p_payment.refunded)) end
$$;
