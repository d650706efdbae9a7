-- What events tell besides, where the balance stays as it is: of a refused debit, what was missing; of held money, how
-- much is held. Null for others.
create or replace function told_details(decision decision, account account_state, txn transactions) returns jsonb
language sql stable as $$
  select case
    when decision.refusal = 'insufficient_funds' then jsonb_build_object(
      'requiredAmount', decision.details -> 'requiredAmount', 'available', account.balance - account.held)
    when txn.type in ('hold', 'withdrawal') then held_details(account, txn) end
$$;
