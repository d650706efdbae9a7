-- Whether a text can be the id of a user or of a tenant, as the domains user_name and tenant_name have it.
create or replace function is_id(p_text text, p_max integer) returns boolean language sql immutable as $$
  select length(p_text) between 1 and p_max and p_text not in ('.', '..') and p_text !~
    '[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]'
$$;
