-- Runs one command of an application in the application's own transaction: money and the rest commit together. The
-- servers are notified at the commit. A refusal raises, or is returned if p_on_refusal is 'return'. p_amount is in major
-- units; null: the command has none.
create or replace function livebalance.run(p_command jsonb, p_amount numeric, p_on_refusal text)
returns livebalance.outcome language plpgsql security definer
set search_path = public, pg_temp as $$
declare
  -- Only the command's own fields: metadata may have nulls.
  command jsonb := (select jsonb_object_agg(key, value) from jsonb_each(p_command) where value <> 'null')
    || jsonb_build_object('actor', 'sql:' || session_user, 'role', 'application');
  applied record;
  result ledger_result;
  transaction jsonb;
  outcome livebalance.outcome;
  v_currency text;
  v_decimals int;
  v_scale numeric;
  v_unfit text;
begin
  if p_on_refusal not in ('raise', 'return') then
    raise exception 'on_refusal must be raise or return' using errcode = 'invalid_parameter_value';
  end if;
  v_currency := coalesce(command ->> 'currency', (
    select t.currency from transactions as t
    where t.tenant = command ->> 'tenant' and t.id = (command ->> 'transaction_id')::uuid));
  v_decimals := (select decimals from currencies where code = v_currency);
  v_scale := 10::numeric ^ v_decimals;
  if p_amount is not null then
    -- An amount that is no whole number of minor units, or too large, is refused by the ledger like zero.
    command := command || jsonb_build_object('amount', case
      when v_decimals is null then 1
      when p_amount * v_scale <> trunc(p_amount * v_scale) then 0
      when abs(p_amount * v_scale) > 9007199254740991 then 0
      else trunc(p_amount * v_scale) end::bigint);
  end if;
  if jsonb_typeof(command -> 'split') = 'array' and command -> 'split' <> '[]' then
    command := command || jsonb_build_object('split', (
      select jsonb_agg(case when jsonb_typeof(part) = 'object' and part ? 'amount' then
          part || jsonb_build_object('amount', case when part ->> 'amount' ~ '^[0-9]{1,16}([.][0-9]{1,16})?$' then
            trim_scale((part ->> 'amount')::numeric * v_scale) else 0 end)
        else part end order by place)
      from jsonb_array_elements(command -> 'split') with ordinality as s (part, place)));
  end if;
  if command ? 'idempotency_key' then
    command := command
      || jsonb_build_object('command_hash', encode(sha256(convert_to(command::text, 'UTF8')), 'base64'));
  end if;

  v_unfit := unfit_field(command);
  if v_unfit is not null then
    result := build_result(refusal => 'invalid_command', details => jsonb_build_object('field', v_unfit));
  elsif command ? 'currency' and v_decimals is null then
    result := build_result(refusal => 'unknown_currency', details => '{}');
  else
    select * into applied from ledger_apply(json_build_array(command));
    result := json_populate_record(null::ledger_result, applied.results -> 0);
    transaction := coalesce(result.transaction, (applied.changes -> result.change ->> 'transaction')::jsonb);
    if applied.outbox_id is not null then
      -- No process has published it, so every process may take it up.
      update outbox set claimed_at = '-infinity' where id = applied.outbox_id;
      perform pg_notify('livebalance_outbox', '');
    end if;
  end if;

  if result.refusal is not null and p_on_refusal = 'raise' then
    raise exception '%', result.refusal
      using errcode = livebalance.sqlstate_of(result.refusal), detail = coalesce(result.details, '{}')::text;
  end if;
  outcome.refusal := result.refusal;
  outcome.details := result.details;
  outcome.replayed := coalesce(result.replayed, false);
  if result.refusal is null then
    outcome.transaction_id := transaction ->> 'id';
    outcome.type := transaction ->> 'type';
    outcome.status := transaction ->> 'status';
    outcome.currency := transaction ->> 'currency';
    outcome.amount := round((transaction ->> 'amount')::numeric / v_scale, v_decimals);
    outcome.balance := (select round(s.balance / v_scale, v_decimals) from balance_snapshots as s
      where s.wallet_id = (transaction ->> 'wallet_id')::bigint and s.currency = outcome.currency);
  end if;
  return outcome;
end
$$;
