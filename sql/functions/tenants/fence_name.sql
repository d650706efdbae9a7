-- The name of the trigger that refuses writes of a tenant: of deletions, or of the rest.
create or replace function fence_name(p_tenant text, p_on text) returns text
language sql immutable as $$
  select 'fence_' || md5(p_tenant) || case p_on when 'delete' then '_delete' else '' end
$$;
