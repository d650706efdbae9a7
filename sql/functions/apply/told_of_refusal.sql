-- The event that tells a user of a refused command: a debit that they had not the funds for; a capture that their hold
-- had too little left for. A hold tells so once, after a capture or to a caller who does not end it.
create or replace function told_of_refusal(command ledger_command, decision decision, txn transactions)
returns event_name[] language sql immutable as $$
  select case
    when decision.refusal = 'insufficient_funds' then '{balance_insufficient}'
    when decision.refusal = 'capture_exceeds_hold' and (txn.hold_state).exhausted_seq is null
        and ((txn.hold_state).captured > 0 or not command.final) then '{hold_exhausted}'
    else '{}' end::event_name[]
$$;
