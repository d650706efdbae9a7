-- A UUIDv7 (RFC 9562) of an instant: 48 bits of milliseconds, 12 bits of the millisecond's fraction (a microsecond is
-- 4.096 steps), and random bits. It is made from created_at, so that the ids of a wallet sort as its transactions do.
-- 28672 is 0x7000, the version. date_part() is exact to the microsecond here.
create or replace function uuid_at(p_at timestamptz) returns uuid
language sql volatile as $$
  select encode(int8send(
    ((date_part('epoch', p_at) * 1000000)::bigint / 1000 << 16)
      | 28672 | (date_part('epoch', p_at) * 1000000)::bigint % 1000 * 4096 / 1000)
    || substring(uuid_send(gen_random_uuid()) from 9), 'hex')::uuid
$$;
