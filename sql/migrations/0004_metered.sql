-- Holds whose users are to be warned of the end.
create index transactions_unwarned on transactions (expires_at, id)
  where status = 'pending' and type = 'hold' and (hold_state).expiring_seq is null;

-- What a service has to know when it connects: the open holds of which it was told.
create index transactions_told on transactions (tenant, created_by, id)
  where status = 'pending' and type = 'hold'
    and ((hold_state).exhausted_seq is not null or (hold_state).expiring_seq is not null);

-- They have one more argument now. Calls could mean either.
drop function if exists livebalance.capture(uuid, numeric, jsonb, text, text, text);
drop function if exists livebalance.hold(text, numeric, text, integer, text, text, text, jsonb, text, text, text);
