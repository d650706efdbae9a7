-- Revokes a user's tokens that were issued up to now (p_kind 'user'), or the token with this id ('token'). A second
-- call renews the revocation, and covers the tokens issued meanwhile. It never shortens one in force. To end it early,
-- lift it.
create or replace function revoke_tokens(
  p_tenant text, p_kind text, p_subject text, p_reason text, p_actor text, p_expires_at timestamptz
) returns setof revocations language sql security definer set search_path = public, pg_temp as $$
  insert into revocations as r (id, tenant, kind, subject, reason, revoked_by, expires_at, version)
  values (uuid_at(clock_timestamp()), p_tenant, p_kind, p_subject, p_reason, p_actor, p_expires_at,
    next_revocation_version())
  on conflict (tenant, kind, subject) do update set
    reason = excluded.reason, revoked_by = excluded.revoked_by, revoked_at = clock_timestamp(),
    expires_at = case when r.lifted_at is not null then excluded.expires_at else nullif(greatest(
      coalesce(r.expires_at, 'infinity'), coalesce(excluded.expires_at, 'infinity')), 'infinity') end,
    lifted_at = null, version = excluded.version
  returning *
$$;
