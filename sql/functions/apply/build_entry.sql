-- The entry by which an account came to its balance: by p_delta, against a house account. What is added to a wallet is
-- debited to the house account and credited to the wallet; what is taken from it, the other way round. Postgres puts
-- the body in place of the call.
create or replace function build_entry(
  account account_state, p_transaction uuid, p_delta bigint, p_house bigint
) returns entries language sql immutable as $$
  select row(account.account_id, account.version, p_transaction,
    case when p_delta > 0 then p_house else account.account_id end,
    case when p_delta > 0 then account.account_id else p_house end,
    abs(p_delta), account.balance - p_delta, account.balance, account.updated_at, account.hash)::entries
$$;
