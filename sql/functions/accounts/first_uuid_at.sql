-- The smallest UUIDv7 of an instant. Transactions opened at that instant or later have ids that are not smaller.
create or replace function first_uuid_at(p_at timestamptz) returns uuid
language sql immutable as $$
  select (lpad(to_hex(us / 1000), 12, '0') || '7' || lpad(to_hex((us % 1000) * 4096 / 1000), 3, '0')
    || '8000000000000000')::uuid
  from (select greatest((extract(epoch from p_at) * 1000000)::bigint, 0) as us) as instant
$$;
