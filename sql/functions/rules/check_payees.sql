-- Rule: what a split payment gives to its payees, or its refund takes from them (p_sign -1), obeys the rules of their
-- wallets: a freeze, the largest balance, and nobody below zero. The refusal names the payee, and nothing of what they
-- have. Returns null if the command may go ahead. The caller holds the locks of all wallets.
create or replace function check_payees(
  command ledger_command, p_parts jsonb, p_sign integer, p_currency text,
  p_accounts account_state[], p_keys text[], p_watched boolean[]
) returns decision language plpgsql stable as $$
declare
  part jsonb;
  account account_state;
  objection decision;
  v_amount bigint;
begin
  for part in select p from jsonb_array_elements(p_parts) as p where p ? 'wallet' loop
    v_amount := p_sign * (part ->> 'amount')::bigint;
    account := p_accounts[array_position(p_keys, part ->> 'wallet' || p_currency)];
    if account.account_id is null then
      -- The payment was split after this batch had chosen its locks. Tried again, it finds the payees.
      raise exception 'a payee of the split is not locked' using errcode = 'serialization_failure';
    end if;
    objection := null;
    if p_watched[account.wallet] then
      objection := check_freeze(account.wallet_id, command, accept('split', v_amount, 'success', v_amount, 0));
    end if;
    if objection.refusal is null then
      objection := check_funds(p_currency, account.balance, account.held, v_amount, 0);
    end if;
    if objection.refusal = 'insufficient_funds' then
      return refuse('payee_insufficient_funds', jsonb_build_object(
        'userId', part ->> 'to', 'currency', p_currency, 'requiredAmount', -v_amount));
    elsif objection.refusal = 'wallet_frozen' then
      return refuse('wallet_frozen', objection.details || jsonb_build_object('userId', part ->> 'to'));
    elsif objection.refusal is not null then
      return refuse(objection.refusal, jsonb_build_object('userId', part ->> 'to'));
    end if;
  end loop;
  return null;
end
$$;
