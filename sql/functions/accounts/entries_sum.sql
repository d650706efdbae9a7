-- The sum of an account's entries. It equals the balance if the snapshot is right.
create or replace function entries_sum(p_account bigint) returns bigint
language sql stable as $$
  select coalesce(
    sum(case account_id when credit_account then amount else -amount end), 0)::bigint
  from entries where account_id = p_account
$$;
