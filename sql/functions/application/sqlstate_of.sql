-- The SQLSTATE with which the functions of the schema livebalance raise a refusal.
create or replace function livebalance.sqlstate_of(p_refusal text) returns text
language sql immutable as $$
  select case p_refusal
    when 'invalid_amount' then 'LB101'
    when 'invalid_command' then 'LB102'
    when 'unknown_currency' then 'LB103'
    when 'currency_mismatch' then 'LB104'
    when 'unknown_user' then 'LB105'
    when 'invalid_split' then 'LB106'
    when 'insufficient_funds' then 'LB201'
    when 'limit_exceeded' then 'LB202'
    when 'balance_limit_exceeded' then 'LB203'
    when 'wallet_frozen' then 'LB204'
    when 'payee_insufficient_funds' then 'LB205'
    when 'not_found' then 'LB301'
    when 'wrong_type' then 'LB302'
    when 'already_processed' then 'LB303'
    when 'self_approval' then 'LB304'
    when 'self_transfer' then 'LB305'
    when 'not_refundable' then 'LB306'
    when 'refund_exceeds_payment' then 'LB307'
    when 'capture_exceeds_hold' then 'LB308'
    when 'hold_expired' then 'LB309'
    when 'not_your_hold' then 'LB310'
    when 'second_admin_required' then 'LB311'
    when 'idempotency_key_reused' then 'LB401'
    else 'LB000'
  end
$$;
