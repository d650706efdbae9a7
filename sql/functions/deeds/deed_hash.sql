-- The link of a tenant's chain of deeds: SHA-256 over the hash of the seal before, the number of the seal, and every column
-- of the deed. Texts and JSON are those of a JSON array in Postgres's own form, which depends on no setting.
create or replace function deed_hash(p_before bytea, p_seq bigint, deed deeds) returns bytea
language sql stable parallel safe as $$
  select sha256(p_before || int8send(p_seq) || uuid_send(deed.id) || timestamptz_send(deed.at)
    || convert_to(jsonb_build_array(deed.tenant, deed.actor, to_jsonb(deed.roles), deed.key_id, deed.deed, deed.user_id,
      deed.target, deed.result, deed.request_id, deed.address, deed.details)::text, 'UTF8'))
$$;
