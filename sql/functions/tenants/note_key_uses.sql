-- Notes when keys were last used: times in milliseconds since 1970 by id. They change no version: nobody waits for them.
create or replace function note_key_uses(p_uses json) returns void
language sql security definer set search_path = public, pg_temp as $$
  update api_keys k set last_used_at = greatest(k.last_used_at, to_timestamp(u.value::float8 / 1000))
  from (select key::uuid as id, value from json_each_text(p_uses) order by key) u
  where k.id = u.id
$$;
