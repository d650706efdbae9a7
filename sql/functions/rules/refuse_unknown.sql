-- The refusal of a command for which no account was found.
create or replace function refuse_unknown(command ledger_command) returns decision
language sql stable as $$
  select refuse(case
    when command.transaction_id is not null then 'not_found'
    when command.user_id is null or command.currency is null then 'invalid_command'
    when not exists (select from currencies where code = command.currency) then 'unknown_currency'
    else 'unknown_user' end)
$$;
