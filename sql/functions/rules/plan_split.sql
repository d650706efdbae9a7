-- Plans a split payment: which wallet and which fee account gets how much of p_total. Fixed amounts come first. Shares
-- divide what they leave: apportion(). Together the parts are the whole. A part that comes to nothing is left out.
-- Each payee's transaction gets its id here. Returns a refusal or the parts:
--   {"to": <user>, "wallet": <id>, "amount": <minor units>, "transactionId": <id>}
--   {"fee": <name>, "account": <id>, "amount": <minor units>}
create or replace function plan_split(
  p_tenant text, p_currency text, p_payer text, p_total bigint, p_split jsonb, p_at timestamptz,
  out objection decision, out parts jsonb
) language plpgsql volatile as $$
declare
  v_amounts bigint[];
  v_shares bigint[];
  v_rest bigint;
  v_unknown text;
begin
  if not is_split(p_split) then
    objection := refuse('invalid_split', '{"field": "split"}');
    return;
  elsif p_split @> jsonb_build_array(jsonb_build_object('to', p_payer)) then
    objection := refuse('self_transfer');
    return;
  end if;
  v_amounts := array(select coalesce((part ->> 'amount')::bigint, 0)
    from jsonb_array_elements(p_split) with ordinality as s (part, place) order by place);
  v_shares := array(select coalesce((part ->> 'share')::bigint, 0)
    from jsonb_array_elements(p_split) with ordinality as s (part, place) order by place);
  v_rest := (select p_total - sum(amount) from unnest(v_amounts) as amount);
  if v_rest < 0 or (v_rest > 0 and not 0 < any (v_shares)) then
    objection := refuse('invalid_split', jsonb_build_object('field', 'split', 'currency', p_currency, 'maximum', p_total));
    return;
  end if;
  if 0 < any (v_shares) then
    v_amounts := array(select a + s from unnest(v_amounts, apportion(v_rest, v_shares)) as t (a, s));
  end if;
  v_unknown := (
    select part ->> 'to' from jsonb_array_elements(p_split) with ordinality as s (part, place)
    where part ? 'to' and wallet_of(p_tenant, part ->> 'to') is null order by place limit 1);
  if v_unknown is not null then
    objection := refuse('unknown_user', jsonb_build_object('userId', v_unknown));
    return;
  end if;
  parts := (
    select jsonb_agg(case when part ? 'to' then jsonb_build_object('to', part ->> 'to',
        'wallet', wallet_of(p_tenant, part ->> 'to'), 'amount', v_amounts[place], 'transactionId', uuid_at(p_at))
      else jsonb_build_object('fee', part ->> 'fee', 'account', fee.id, 'amount', v_amounts[place]) end order by place)
    from jsonb_array_elements(p_split) with ordinality as s (part, place)
    left join accounts as fee on fee.tenant = p_tenant and fee.currency = p_currency
      and fee.kind = 'fee:' || (part ->> 'fee') and fee.wallet_id is null
    where v_amounts[place] > 0);
end
$$;
