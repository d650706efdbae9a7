-- Takes up to p_commits published commits, and marks their users as due at the webhook endpoints of their tenants and at
-- their own push devices, each once, however many of the commits are theirs. Returns how many commits it took. Rows that
-- another process takes are skipped.
create or replace function mark_deliveries(p_commits integer) returns integer
language plpgsql security definer set search_path = public, pg_temp set enable_seqscan = off
set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
  v_taken integer;
begin
  with taken as materialized (
    delete from delivery_feed f
    using (select id from delivery_feed order by id limit p_commits for update skip locked) as oldest
    where f.id = oldest.id
    returning f.id, f.wallet_ids, f.after_seqs, f.last_seqs, f.at
  ), published as (
    select e.id as endpoint_id, p.wallet_id, e.begins_at, known.wallet_id is not null as is_known,
      min(p.after_seq) as after_seq, max(p.last_seq) as last_seq, min(taken.at) as at
    from taken
    cross join unnest(taken.wallet_ids, taken.after_seqs, taken.last_seqs) as p (wallet_id, after_seq, last_seq)
    join wallets w on w.id = p.wallet_id
    join webhook_endpoints e on e.tenant = w.tenant and (e.user_ids is null or w.user_id = any (e.user_ids))
    -- The limit makes it a look-up by both columns, whatever is estimated: by the endpoint alone it reads every user.
    left join lateral (
      select c.wallet_id from webhook_cursors c where c.endpoint_id = e.id and c.wallet_id = p.wallet_id limit 1
    ) known on true
    where p.after_seq < p.last_seq and (known.wallet_id is not null or taken.id > e.begins_after)
    group by e.id, p.wallet_id, known.wallet_id
  ), marked as (
    insert into webhook_cursors as c (endpoint_id, wallet_id, acked_seq, last_seq, next_attempt_at, waiting_since)
    select p.endpoint_id, p.wallet_id,
      case when p.is_known then p.after_seq else webhook_start(p.wallet_id, p.after_seq, p.begins_at) end,
      p.last_seq, ledger_clock(), p.at
    from published p
    -- Every process locks in this order.
    order by p.endpoint_id, p.wallet_id
    on conflict (endpoint_id, wallet_id) do update set
      last_seq = greatest(c.last_seq, excluded.last_seq),
      -- A lease and a pause between attempts stay. What is set aside stays so.
      next_attempt_at = case
        when c.set_aside_at is null and excluded.last_seq > c.acked_seq
          then coalesce(c.next_attempt_at, excluded.next_attempt_at)
        else c.next_attempt_at end,
      waiting_since = case
        when excluded.last_seq > c.acked_seq then coalesce(c.waiting_since, excluded.waiting_since)
        else c.waiting_since end
  ), devices as materialized (
    select d.id, p.last_seq
    from (
      select p.wallet_id, max(p.last_seq) as last_seq
      from taken cross join unnest(taken.wallet_ids, taken.last_seqs) as p (wallet_id, last_seq)
      group by p.wallet_id
    ) p
    join push_devices d on d.wallet_id = p.wallet_id
    where p.last_seq > d.last_seq
    -- Every process locks in this order.
    order by d.id
    for no key update of d
  ), notified as (
    update push_devices d set
      last_seq = greatest(d.last_seq, devices.last_seq),
      next_attempt_at = coalesce(d.next_attempt_at, ledger_clock())
    from devices where d.id = devices.id
  )
  select count(*) from taken into v_taken;
  return v_taken;
end
$$;
