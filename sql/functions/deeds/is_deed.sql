-- Whether a command of the ledger is a deed: a decision by somebody with rights over the money of others. A payment
-- provider only reports what happened. Postgres inlines the body.
create or replace function is_deed(p_op text, p_role text, p_actor text) returns boolean language sql immutable as $$
  select p_op in ('topup_process', 'withdrawal_process', 'adjustment', 'adjustment_process', 'refund', 'refund_process')
    and (p_role is distinct from 'provider' or p_actor not like 'provider:%')
$$;
