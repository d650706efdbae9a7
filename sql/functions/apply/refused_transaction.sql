-- What an event of a refused debit tells of its transaction, which does not exist: it has no id.
create or replace function refused_transaction(
  command ledger_command, account account_state, p_named transactions, p_at timestamptz
) returns transactions language plpgsql immutable as $$
declare
  txn transactions;
begin
  txn.wallet_id := account.wallet_id;
  txn.tenant := command.tenant;
  txn.user_id := coalesce(p_named.user_id, command.user_id);
  txn.currency := account.currency;
  txn.updated_at := p_at;
  return txn;
end
$$;
