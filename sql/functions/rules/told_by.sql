-- The events that tell a user about a transaction with this status. Only a success moves money.
create or replace function told_by(p_status transaction_status) returns event_name[]
language sql immutable as $$
  select case p_status
    when 'pending' then '{}'::event_name[]
    when 'success' then '{balance_updated,transaction_completed}'::event_name[]
    else '{transaction_failed}'::event_name[] end
$$;
