-- Checks a stretch of a tenant's log of deeds: p_most seals after p_after_seq. Returns the first place of each problem, and
-- in `next` the seal to continue after, null at the end. The last step also looks at what has no seal. These rules must
-- hold:
-- - The seals are numbered 1, 2, 3 … with no hole, up to the number and the hash that the tenant's head names.
-- - Each seal has a deed, and a hash that fits the deed and the seal before.
-- - A deed has a seal or waits for it. What waits is a deed.
create or replace function audit_deeds(p_tenant text, p_after_seq bigint, p_most integer)
returns table (problem text, at text, next bigint)
language plpgsql stable security definer set search_path = public, pg_temp set jit = off as $$
#variable_conflict use_column
declare
  v_before bytea := coalesce((select hash from deed_seals where tenant = p_tenant and seq = p_after_seq), '');
  v_last bigint := (select max(s.seq) from (
    select seq from deed_seals where tenant = p_tenant and seq > p_after_seq order by seq limit p_most) as s);
begin
  return query
    select found.problem, min(found.seq)::text, null::bigint
    from (
      select s.seq, case
          when s.seq <> 1 + lag(s.seq, 1, p_after_seq) over chain then 'a seal of a deed is missing before this one'
          when d.id is null then 'a sealed deed is missing'
          when s.hash <> deed_hash(lag(s.hash, 1, v_before) over chain, s.seq, d) then
            'a deed does not fit its seal'
        end as problem
      from deed_seals s
      left join deeds d on d.tenant = s.tenant and d.id = s.deed_id
      where s.tenant = p_tenant and s.seq > p_after_seq and s.seq <= v_last
      window chain as (order by s.seq)
    ) as found
    where found.problem is not null
    group by found.problem;
  if exists (select from deed_seals where tenant = p_tenant and seq > v_last) then
    return query select null::text, null::text, v_last;
    return;
  end if;
  return query
    select 'the newest seal is not the one that the head of the deeds names', coalesce(head.seq, newest.seq)::text,
      null::bigint
    from (select h.seq, h.hash from (select 1) as one left join deed_heads h on h.tenant = p_tenant) as head
    left join lateral (
      select s.seq, s.hash from deed_seals s where s.tenant = p_tenant order by s.seq desc limit 1
    ) as newest on true
    where (head.seq, head.hash) is distinct from (newest.seq, newest.hash);
  return query
    select 'a deed has no seal, and does not wait for one', min(d.id::text), null::bigint
    from deeds d
    where d.tenant = p_tenant
      and not exists (select from deed_seals s where s.tenant = d.tenant and s.deed_id = d.id)
      and not exists (select from unsealed_deeds u where u.tenant = d.tenant and u.id = d.id)
    having count(*) > 0;
  return query
    select 'a deed that waits for its seal is missing', min(u.id::text), null::bigint
    from unsealed_deeds u
    where u.tenant = p_tenant and not exists (select from deeds d where d.tenant = u.tenant and d.id = u.id)
    having count(*) > 0;
end
$$;
