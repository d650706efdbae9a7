-- The events that tell a user about a transaction with this status. Only a success moves money. Other changes may hold
-- or free some of it.
create or replace function told_by(p_status transaction_status, p_held_delta bigint) returns event_name[]
language sql immutable as $$
  select case
    when p_status = 'success' then '{balance_updated,transaction_completed}'::event_name[]
    when p_status = 'pending' and p_held_delta = 0 then '{}'::event_name[]
    when p_status = 'pending' then '{available_changed}'::event_name[]
    when p_held_delta = 0 then '{transaction_failed}'::event_name[]
    else '{available_changed,transaction_failed}'::event_name[] end
$$;
