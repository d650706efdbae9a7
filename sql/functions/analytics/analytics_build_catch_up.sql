-- Brings a rebuild up to date with at most p_limit wallets that changed since its steps read them. Returns how many.
create or replace function analytics_build_catch_up(p_build uuid, p_limit integer) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_generation constant integer := analytics_build_of(p_build);
  v_wallets constant bigint[] := analytics_behind(v_generation, p_limit);
begin
  perform analytics_roll(v_generation, v_wallets);
  return cardinality(v_wallets);
end
$$;
