-- Whether a revocation counts. Tokens are accepted for half a minute past their end, so a minute more.
create or replace function revocation_stands(p_lifted_at timestamptz, p_expires_at timestamptz)
returns boolean language sql stable as $$
  select p_lifted_at is null
    and (p_expires_at is null or p_expires_at > clock_timestamp() - interval '1 minute')
$$;
