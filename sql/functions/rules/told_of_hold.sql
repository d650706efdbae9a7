-- The event that a hold's user and its service get, beside those of told_by(), when a command leaves the hold pending:
-- the last of it was captured, or it ends soon.
create or replace function told_of_hold(command ledger_command, txn transactions) returns event_name[]
language sql immutable as $$
  select case
    when command.op = 'hold_expiring' then '{hold_expiring}'
    when command.op = 'hold_capture'
        and abs(txn.amount) > coalesce((txn.hold_state).captured, 0)
        and (command.amount is null
          or command.amount >= abs(txn.amount) - coalesce((txn.hold_state).captured, 0)) then '{hold_exhausted}'
    else '{}' end::event_name[]
$$;
