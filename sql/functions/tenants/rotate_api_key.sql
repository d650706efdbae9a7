-- Replaces a key that works by another one. The one before works for p_overlap more. p_user_id: whom the new one stands
-- for; null: as before. Returns no row if the tenant has no such key.
create or replace function rotate_api_key(
  p_tenant text, p_id uuid, p_prefix text, p_hash bytea, p_overlap interval, p_user_id text
) returns setof api_keys language sql security definer set search_path = public, pg_temp as $$
  update api_keys set
    previous_prefix = case when p_overlap > '0' then prefix end,
    previous_hash = case when p_overlap > '0' then hash end,
    previous_user_id = case when p_overlap > '0' then user_id end,
    previous_until = case when p_overlap > '0' then clock_timestamp() + p_overlap end,
    prefix = p_prefix, hash = p_hash, user_id = coalesce(p_user_id, user_id),
    updated_at = clock_timestamp(), version = next_access_version()
  where tenant = p_tenant and id = p_id and kind = 'service' and revoked_at is null
    and coalesce(expires_at > clock_timestamp(), true)
  returning *
$$;
