-- The link of an account's chain: SHA-256 over the hash of the entry before it and every column of
-- this one, as text that no setting of a session changes. (Stable, not immutable, because extract() is:
-- a function that claims more than its body would not be inlined, and this one is called per row.)
create or replace function entry_hash(
  p_before bytea, p_account bigint, p_version bigint, p_transaction uuid, p_debit bigint,
  p_credit bigint, p_amount bigint, p_previous bigint, p_new bigint, p_at timestamptz
) returns bytea language sql stable as $$
  select sha256(p_before || convert_to(
    p_account || '|' || p_version || '|' || p_transaction || '|' || p_debit || '|' || p_credit || '|'
    || p_amount || '|' || p_previous || '|' || p_new || '|'
    || (extract(epoch from p_at) * 1000000)::bigint, 'UTF8'))
$$;
