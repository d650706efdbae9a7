-- For each command with an idempotency key: the position of the first command in this batch with that key, and the
-- hash and the answer that an earlier batch stored for it.
create or replace function find_replays(p_commands ledger_command[]) returns replays
language plpgsql as $$
declare
  found replays;
begin
  select array_agg(c.twin order by c.ordinality), array_agg(k.command_hash order by c.ordinality),
    array_agg(k.result order by c.ordinality)
  into found
  from (
    select q.*, case when q.idempotency_key is not null then
      min(q.ordinality) over (partition by q.tenant, q.actor, q.idempotency_key) end as twin
    from unnest(p_commands) with ordinality as q
  ) as c
  -- By its index, whatever the statistics say: a plan that was made while they said empty may read the table whole.
  left join lateral (
    select o.command_hash, o.result from idempotency_keys o
    where o.tenant = c.tenant and o.actor = c.actor and o.key = c.idempotency_key offset 0
  ) as k on true;
  return found;
end
$$;
