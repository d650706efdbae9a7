-- A UUIDv7 (RFC 9562) of a given instant in microseconds: 48 bits of milliseconds, 12 of the
-- millisecond's fraction (a microsecond is 4.096 steps), the rest random. Made from created_at, so
-- that the ids of one wallet sort as its transactions do. 28672 is 0x7000, the version.
create or replace function uuid_at(p_us bigint) returns uuid
language sql volatile as $$
  select encode(overlay(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send(p_us / 1000) from 3) from 1)
    placing int2send((28672 + (p_us % 1000) * 4096 / 1000)::int2) from 7), 'hex')::uuid
$$;
