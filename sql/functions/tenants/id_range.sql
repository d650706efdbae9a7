-- The range of the next ids of wallets and accounts: see reserve_ids().
create or replace function id_range() returns bigint
language sql stable security definer set search_path = public, pg_temp as $$
  select last_value >> 40 from wallets_id_seq
$$;
