-- Lets the ids of new wallets and accounts begin in a range that no other database uses: a moved tenant keeps its ids,
-- because the account's is in the hash of each entry. There are 8,191 ranges of 2^40 ids, all below 2^53. Those of
-- the main database are in the range 0. p_range null: a random one, unless ids are in a range of their own already.
-- Returns the range of the ids from now on. What was numbered before keeps its ids.
create or replace function reserve_ids(p_range bigint default null) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_range bigint := p_range;
  v_first bigint;
begin
  if v_range not between 0 and 8191 then
    raise exception 'there is no range % of ids', v_range using errcode = 'invalid_parameter_value';
  end if;
  perform pg_advisory_xact_lock(7236178, 11);
  if v_range is null then
    v_range := id_range();
    if v_range > 0 then
      return v_range;
    end if;
    v_range := 1 + floor(random() * 8191);
  end if;
  if v_range <> id_range() then
    -- Ids of the range may be here: of before, or of a tenant that came from the database which had it.
    v_first := v_range << 40;
    perform setval('wallets_id_seq', greatest(1, coalesce(
      (select max(id) + 1 from wallets where id >= v_first and id < v_first + (1::bigint << 40)), v_first)), false);
    perform setval('accounts_id_seq', greatest(1, coalesce(
      (select max(id) + 1 from accounts where id >= v_first and id < v_first + (1::bigint << 40)), v_first)), false);
  end if;
  return v_range;
end
$$;
