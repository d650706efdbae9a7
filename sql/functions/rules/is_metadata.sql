-- Whether a transaction may have this metadata: an object of at most 4 KiB, written as requests write it. The text of a
-- jsonb is longer, by a space after each colon and comma; they are counted only where that decides.
create or replace function is_metadata(p_metadata jsonb) returns boolean language sql immutable as $$
  select case
    when jsonb_typeof(p_metadata) <> 'object' or octet_length(p_metadata::text) > 2 * 4096 then false
    when octet_length(p_metadata::text) <= 4096 then true
    else octet_length(p_metadata::text) - (
      select sum(greatest(0, case jsonb_typeof(part)
        when 'object' then 2 * (select count(*) from jsonb_object_keys(part)) - 1
        when 'array' then jsonb_array_length(part) - 1
        else 0 end))
      from jsonb_path_query(p_metadata, 'strict $.**') as part) <= 4096
  end
$$;
