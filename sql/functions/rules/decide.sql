-- Decides a command before funds and limits are checked. It opens a transaction on an account, or changes the
-- transaction that it names. Nobody may adjust their own wallet. Postgres inlines this function.
create or replace function decide(
  command ledger_command, account account_state, txn transactions, p_now timestamptz
) returns decision language sql stable as $$
  select case
    when command.op = 'adjustment' and command.actor = command.user_id then refuse('self_approval')
    when account.account_id is null then refuse_unknown(command)
    when command.transaction_id is null then
      decide_opening(command.op, command.amount, command.user_id, command.to_user_id, command.expires_in)
    else decide_named(command, account, txn, p_now)
  end
$$;
