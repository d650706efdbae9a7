-- Decides an extension of a hold: by an amount, by a later end, or both. An end that is not later changes nothing, so
-- that two callers who extend at once do not shorten each other's time.
create or replace function decide_extension(command ledger_command, txn transactions)
returns decision language sql immutable as $$
  select case
    when command.amount <= 0 or command.amount > 9007199254740991 + txn.amount then
      refuse('invalid_amount')
    when command.expires_in is not null and command.expires_in not between 1 and 31622400
        or command.amount is null and command.expires_in is null then
      refuse('invalid_command', '{"field": "expiresIn"}')
    else
      accept('hold', txn.amount - coalesce(command.amount, 0), 'pending', 0, coalesce(command.amount, 0))
  end
$$;
