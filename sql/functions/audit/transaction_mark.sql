-- A 64-bit hash of a transaction's id and two amounts, for comparing sets of them: see audit_totals(). Amounts are
-- hashed as double precision, which holds each amount of minor_units exactly, because hashint8extended() is the same for
-- many of them.
create or replace function transaction_mark(p_id uuid, p_amount bigint, p_balance bigint, p_seed bigint)
returns bigint language sql immutable parallel safe as $$
  select hashfloat8extended(p_balance::float8, hashfloat8extended(p_amount::float8, uuid_hash_extended(p_id, p_seed)))
$$;
