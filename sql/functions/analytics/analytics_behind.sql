-- Wallets whose events are not all in a generation of the roll-ups, at most p_limit.
create or replace function analytics_behind(p_generation integer, p_limit integer) returns bigint[]
language sql stable security definer set search_path = public, pg_temp set jit = off as $$
  select array(
    select w.id from wallets w
    left join analytics_cursors c on c.generation = p_generation and c.wallet_id = w.id
    where w.seq > coalesce(c.seq, 0) limit p_limit)
$$;
