-- The role that the server works as, whose name is in the setting livebalance.app_role. It moves money only through
-- the functions of the ledger (they run as their owner), reads what the server shows, and can change or remove no
-- entry. Run by the owner after every migration; harmless to repeat. A database whose owner may create no roles is
-- left with the triggers.
do $$
declare
  app constant text := current_setting('livebalance.app_role');
  -- Since 16 a membership says what it is good for: who created a role may grant it, but not take it on.
  says_what_for constant boolean := current_setting('server_version_num')::int >= 160000;
begin
  if not exists (select from pg_roles where rolname = app) then
    execute format('create role %I nologin', app);
  end if;
  if not pg_has_role(current_user, app, case when says_what_for then 'SET' else 'MEMBER' end) then
    execute format('grant %I to %I', app, current_user)
      || case when says_what_for then ' with set true, inherit false' else '' end;
  end if;
exception
  when duplicate_object or unique_violation then null;  -- another process was quicker
  when insufficient_privilege then
    raise notice '% cannot be created by or granted to %', app, current_user;
end
$$;

-- Roles belong to the whole cluster. So nobody of another database moves money in this one, or looks at it: neither
-- everyone, nor a role that came with a copy of another database.
do $$
declare
  app constant text := current_setting('livebalance.app_role');
  foreign_role regrole;
begin
  revoke execute on all functions in schema public from public;
  for foreign_role in
    select distinct acl.grantee
    from pg_proc p, aclexplode(p.proacl) acl
    where p.pronamespace = 'public'::regnamespace and p.proname = 'ledger_apply'
      and acl.grantee not in (0, p.proowner) and acl.grantee is distinct from to_regrole(quote_ident(app))::oid
  loop
    execute format('revoke all on all tables in schema public from %s', foreign_role);
    execute format('revoke all on all functions in schema public from %s', foreign_role);
    execute format('revoke all on schema public from %s', foreign_role);
  end loop;
  begin
    execute format('revoke connect, temporary on database %I from public', current_database());
  exception
    when insufficient_privilege then
      raise notice '% may not decide who connects to this database', current_user;
  end;
end
$$;

do $$
declare
  app constant text := current_setting('livebalance.app_role');
begin
  if not exists (select from pg_roles where rolname = app) then
    return;
  end if;
  execute format('revoke all on all tables in schema public from %I', app);
  execute format('grant usage on schema public to %I', app);
  execute format('grant select on all tables in schema public to %I', app);
  execute format('grant insert, update, delete on limits, monitors to %I', app);
  execute format('grant execute on all functions in schema public to %I', app);
  begin
    execute format('grant connect on database %I to %I', current_database(), app);
  exception
    when insufficient_privilege then null;  -- then everyone still may
  end;
end
$$;
