-- A UUIDv7 (RFC 9562) of a given instant: 48 bits of milliseconds, 12 of the millisecond's fraction,
-- the rest random. Made from created_at, so that ids of one wallet sort as its transactions do.
create or replace function uuid_at(p_at timestamptz) returns uuid
language plpgsql volatile as $$
declare
  us constant bigint := (extract(epoch from p_at) * 1000000)::bigint;
  b bytea := uuid_send(gen_random_uuid());
begin
  b := overlay(b placing substring(int8send(us / 1000) from 3) from 1);
  -- 0x7000 is the version; a microsecond is 4.096 steps of the fraction.
  b := overlay(b placing int2send((28672 + (us % 1000) * 4096 / 1000)::int2) from 7);
  return encode(b, 'hex')::uuid;
end
$$;
