-- The house account on the other side of a posting, by transaction type. This is the only such table: the ledger writes
-- by it, and the audit checks by it. The other arguments are a tenant's house accounts in one currency. An unknown type
-- raises.
create or replace function house_account(
  p_type transaction_type, p_cash bigint, p_revenue bigint, p_adjustments bigint, p_transit bigint
) returns bigint language sql immutable as $$
  select case p_type
    when 'topup' then p_cash
    when 'withdrawal' then p_cash
    when 'booking_payment' then p_revenue
    when 'hold' then p_revenue
    when 'refund' then p_revenue
    when 'admin_adjustment' then p_adjustments
    when 'transfer' then p_transit
    when 'split' then p_transit
    else no_house_account(p_type)
  end
$$;
