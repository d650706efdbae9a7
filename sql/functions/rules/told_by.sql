-- The events by which a user hears of a transaction that is now of this status. What succeeds moves money, and
-- nothing else does.
create or replace function told_by(p_status transaction_status) returns event_name[]
language sql immutable as $$
  select case p_status
    when 'pending' then '{}'::event_name[]
    when 'success' then '{balance_updated,transaction_completed}'::event_name[]
    else '{transaction_failed}'::event_name[] end
$$;
