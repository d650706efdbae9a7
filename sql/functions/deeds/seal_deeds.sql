-- Adds deeds to the chains of their tenants, at most p_most. Returns how many. One process seals at a time: others return
-- 0 at once. A deed that is committed late gets a later seal.
create or replace function seal_deeds(p_most integer default 1000) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  found_deed deeds;
  head deed_heads;
  v_sealed integer := 0;
begin
  if not pg_try_advisory_xact_lock(7236178, 10) then
    return 0;
  end if;
  for found_deed in
    select d.* from unsealed_deeds u join deeds d on d.tenant = u.tenant and d.id = u.id
    order by u.tenant, u.id limit p_most
  loop
    if head.tenant is distinct from found_deed.tenant then
      select * into head from deed_heads where tenant = found_deed.tenant;
      if not found then
        head := row(found_deed.tenant, 0, '');
      end if;
    end if;
    head.seq := head.seq + 1;
    head.hash := deed_hash(head.hash, head.seq, found_deed);
    insert into deed_seals (tenant, seq, deed_id, hash) values (head.tenant, head.seq, found_deed.id, head.hash);
    insert into deed_heads (tenant, seq, hash) values (head.tenant, head.seq, head.hash)
    on conflict (tenant) do update set seq = excluded.seq, hash = excluded.hash;
    delete from unsealed_deeds where tenant = found_deed.tenant and id = found_deed.id;
    if not found then
      perform miscounted('unsealed_deeds', 1, 0);
    end if;
    v_sealed := v_sealed + 1;
  end loop;
  return v_sealed;
end
$$;
