-- What events about held money tell: the account's held and available amounts, and of a hold its own. `service` is who
-- opened the hold for its user.
create or replace function held_details(account account_state, txn transactions) returns jsonb
language sql stable as $$
  select jsonb_build_object('held', account.held, 'available', account.balance - account.held)
    || case when txn.type = 'hold' then jsonb_build_object(
      'heldAmount', coalesce(txn.held_amount, abs(txn.amount)),
      'capturedAmount', coalesce((txn.hold_state).captured, 0),
      'remaining', case txn.status when 'pending' then abs(txn.amount) - coalesce((txn.hold_state).captured, 0) else 0 end,
      'overage', coalesce((txn.hold_state).overage, 'refuse'),
      'expiresAt', to_char(txn.expires_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
    || case when txn.created_by <> txn.user_id then jsonb_build_object('service', txn.created_by) else '{}' end
    else '{}' end
$$;
