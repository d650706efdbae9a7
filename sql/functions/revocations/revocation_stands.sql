-- Whether a revocation is in force. Tokens are accepted for 30 s after they expire, so a revocation lasts 1 min longer.
create or replace function revocation_stands(p_lifted_at timestamptz, p_expires_at timestamptz)
returns boolean language sql stable as $$
  select p_lifted_at is null
    and (p_expires_at is null or p_expires_at > clock_timestamp() - interval '1 minute')
$$;
