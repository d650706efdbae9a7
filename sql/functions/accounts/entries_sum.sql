-- What an account's entries come to: its balance, if its snapshot is right.
create or replace function entries_sum(p_account bigint) returns bigint
language sql stable as $$
  select coalesce(
    sum(case account_id when credit_account then amount else -amount end), 0)::bigint
  from entries where account_id = p_account
$$;
