-- The newest move of each tenant from this database (`away`) or to it (`here`). The two databases of a move have its
-- id. What the columns mean at each step: docs/decisions/tenant-databases.md.
create table tenant_moves (
  tenant tenant_name primary key,
  id uuid not null,
  direction text not null check (direction in ('away', 'here')),
  -- The epoch of the other database.
  peer text not null,
  began_at timestamptz not null default clock_timestamp(),
  -- Away: since then nothing of the tenant can be written here.
  fenced_at timestamptz,
  -- Since then the tenant lives in the database that it moved to.
  switched_at timestamptz,
  -- Away: since then the rows that it left here are gone.
  purged_at timestamptz
);

-- Their bodies are in sql/functions/tenants. Triggers with them exist only while a tenant moves, and where it left rows.
create function refuse_fenced() returns trigger language plpgsql as 'begin return new; end';

-- A tenant that lives in another database may leave no entries here. Nobody else's are ever deleted.
create or replace function refuse_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and tg_table_name = 'entries' then
    if exists (
      select from accounts a
      join tenant_moves m on m.tenant = a.tenant
      join tenant_homes h on h.tenant = a.tenant and not h.here
      where a.id = old.account_id and m.direction = 'away' and m.switched_at is not null
        and m.id::text = current_setting('livebalance.moving', true)
    ) then
      return old;
    end if;
  end if;
  raise exception '% is append-only: % is refused', tg_table_name, tg_op
    using errcode = 'restrict_violation',
          hint = coalesce(tg_argv[0], 'correct a posting by another posting (an adjustment or a refund)');
end
$$;
