-- The role that the server works as. It moves money through the ledger's functions alone (they run as
-- their owner), reads what it shows, and can change or remove no entry. Run by the owner after every
-- migration; harmless to repeat. A database whose owner may not create roles is left with the triggers.
do $$
begin
  if not exists (select from pg_roles where rolname = 'livebalance_app') then
    create role livebalance_app nologin;
  end if;
  if not pg_has_role(current_user, 'livebalance_app', 'MEMBER') then
    execute format('grant livebalance_app to %I', current_user);
  end if;
exception
  when duplicate_object or unique_violation then null;  -- another process was quicker
  when insufficient_privilege then
    raise notice 'livebalance_app cannot be created by or granted to %', current_user;
end
$$;

do $$
begin
  if not exists (select from pg_roles where rolname = 'livebalance_app') then
    return;
  end if;
  revoke all on all tables in schema public from livebalance_app;
  revoke execute on all functions in schema public from public;
  grant usage on schema public to livebalance_app;
  grant select on all tables in schema public to livebalance_app;
  grant insert, update, delete on limits, monitors to livebalance_app;
  grant execute on all functions in schema public to livebalance_app;
end
$$;
