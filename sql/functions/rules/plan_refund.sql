-- Plans the refund of a split payment: how much each payee and each fee account gives back. It is in proportion to what
-- they have not given back yet. So a full refund, at once or in parts, takes from each exactly what they got. Returns
-- the refund's parts, in the form of plan_split(), and those of the payment with the sums given back (`refunded`). While
-- the refund waits for a second admin (p_is_planned) it keeps every part, so that their wallets can be locked.
create or replace function plan_refund(
  p_payment transactions, p_amount bigint, p_is_planned boolean, p_at timestamptz, out parts jsonb, out payment_parts jsonb
) language sql volatile as $$
  with part as (
    select s.part, s.place, given.amount
    from jsonb_array_elements(p_payment.split) with ordinality as s (part, place)
    join unnest(apportion(p_amount, array(
      select (p.part ->> 'amount')::bigint - coalesce((p.part ->> 'refunded')::bigint, 0)
      from jsonb_array_elements(p_payment.split) with ordinality as p (part, place) order by p.place))
    ) with ordinality as given (amount, place) on given.place = s.place
  )
  select
    jsonb_agg(part - 'refunded' || jsonb_build_object('amount', amount)
      || case when part ? 'to' then jsonb_build_object('transactionId', uuid_at(p_at)) else '{}' end order by place)
      filter (where amount > 0 or p_is_planned),
    jsonb_agg(case when amount = 0 then part
      else part || jsonb_build_object('refunded', coalesce((part ->> 'refunded')::bigint, 0) + amount) end order by place)
  from part
$$;
