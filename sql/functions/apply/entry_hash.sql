-- The link of an account's chain: SHA-256 over the hash of the entry before it and every column of
-- this one, in Postgres's binary form (big-endian; the time in microseconds since 2000).
create or replace function entry_hash(
  p_before bytea, p_account bigint, p_version bigint, p_transaction uuid, p_debit bigint,
  p_credit bigint, p_amount bigint, p_previous bigint, p_new bigint, p_at timestamptz
) returns bytea language sql immutable parallel safe as $$
  select sha256(p_before || int8send(p_account) || int8send(p_version) || uuid_send(p_transaction)
    || int8send(p_debit) || int8send(p_credit) || int8send(p_amount) || int8send(p_previous)
    || int8send(p_new) || timestamptz_send(p_at))
$$;
