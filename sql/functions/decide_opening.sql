-- A command that opens a transaction, on the account it is for. Payments, adjustments and transfers
-- are settled at once; topups, withdrawals and holds wait, the latter two with the money held.
create or replace function decide_opening(c ledger_command, a account_state) returns decision
language plpgsql immutable as $$
begin
  if c.amount is null or c.amount = 0 or abs(c.amount) > 9007199254740991
      or (c.amount < 0 and c.op <> 'adjustment') then
    return refuse('invalid_amount');
  end if;
  case c.op
    when 'topup_request' then
      return accept('topup', c.amount, 'pending', 0, 0);
    when 'payment' then
      return decide_debit(a, c.amount,
        accept('booking_payment', -c.amount, 'success', -c.amount, 0));
    when 'transfer' then
      if c.to_user_id = c.user_id then
        return refuse('self_transfer');
      end if;
      return decide_debit(a, c.amount,
        accept('transfer', -c.amount, 'success', -c.amount, 0));
    when 'withdrawal_request' then
      return decide_debit(a, c.amount,
        accept('withdrawal', -c.amount, 'pending', 0, c.amount));
    when 'hold' then
      if coalesce(c.expires_in, 0) not between 1 and 31622400 then
        return refuse('invalid_command', '{"field": "expiresIn"}');
      end if;
      return decide_debit(a, c.amount, accept('hold', -c.amount, 'pending', 0, c.amount));
    when 'adjustment' then
      if c.amount < 0 then
        return decide_debit(a, -c.amount,
          accept('admin_adjustment', c.amount, 'success', c.amount, 0));
      end if;
      return decide_credit(a, c.amount,
        accept('admin_adjustment', c.amount, 'success', c.amount, 0));
    else
      return refuse('invalid_command', '{"field": "op"}');
  end case;
end
$$;
