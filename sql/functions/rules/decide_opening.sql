-- Decides a command that opens a transaction. Payments, adjustments and transfers succeed at once. Topups,
-- withdrawals and holds are pending. Withdrawals and holds hold the money meanwhile.
create or replace function decide_opening(
  p_op text, p_amount bigint, p_user_id text, p_to_user_id text, p_expires_in integer
) returns decision language sql immutable as $$
  select case
    when p_amount is null or p_amount = 0 or abs(p_amount) > 9007199254740991
        or (p_amount < 0 and p_op <> 'adjustment') then
      refuse('invalid_amount')
    when p_op = 'payment' then
      accept('booking_payment', -p_amount, 'success', -p_amount, 0)
    when p_op = 'topup_request' then
      accept('topup', p_amount, 'pending', 0, 0)
    when p_op = 'transfer' and p_to_user_id = p_user_id then
      refuse('self_transfer')
    when p_op = 'transfer' then
      accept('transfer', -p_amount, 'success', -p_amount, 0)
    when p_op = 'withdrawal_request' then
      accept('withdrawal', -p_amount, 'pending', 0, p_amount)
    when p_op = 'hold' and p_expires_in between 1 and 31622400 then
      accept('hold', -p_amount, 'pending', 0, p_amount)
    when p_op = 'hold' then
      refuse('invalid_command', '{"field": "expiresIn"}')
    when p_op = 'adjustment' then
      accept('admin_adjustment', p_amount, 'success', p_amount, 0)
    else
      refuse('invalid_command', '{"field": "op"}')
  end
$$;
