-- Which of the house's accounts stands on the other side of an operation's posting.
create or replace function house_account(p_op text) returns text
language sql immutable as $$
  select case
    when p_op like 'topup%' or p_op like 'withdrawal%' then 'cash'
    when p_op = 'adjustment' then 'adjustments'
    when p_op = 'transfer' then 'transit'
    else 'revenue'
  end
$$;
