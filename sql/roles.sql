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

-- The rights to what is the ledger's own. Other applications and extensions may share the schema: theirs stay as
-- they are. Roles belong to the whole cluster. So nobody of another database moves money in this one, or looks at it:
-- neither everyone, nor a role that came with a copy of another database.
do $$
declare
  app constant text := current_setting('livebalance.app_role');
  owner constant oid := (select relowner from pg_class where oid = 'schema_files'::regclass);
  tables constant text := 'accounts, analytics_buckets, analytics_cohort_periods, analytics_cohorts, analytics_counts, '
    'analytics_cursors, analytics_days, analytics_feed, analytics_open, analytics_state, analytics_users, api_keys, auto_topup_runs, auto_topups, '
    'balance_snapshots, clock_steps, currencies, debts, deed_heads, deed_seals, deeds, delivery_feed, entries, '
    'event_generations, event_rows, event_stream, events, four_eyes, freezes, idempotency_keys, limits, meta, monitors, outbox, provider_events, '
    'provider_payments, push_devices, push_services, push_settings, push_visible, revocations, saved_methods, '
    'schema_files, tenant_connections, tenant_homes, tenant_moves, tenant_requests, tenants, transactions, unsealed_deeds, wallet_entries, '
    'wallets, webhook_attempts, webhook_cursors, webhook_endpoints';
  -- Also those whose file is gone, as long as no migration has dropped them.
  functions constant text := (
    select string_agg(p.oid::regprocedure::text, ', ')
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.proowner = owner and (
      p.proname = 'refuse_change'
      or exists (select from schema_files where name = 'functions/' || p.proname || '.sql')
    )
  );
  foreign_role regrole;
begin
  execute format('revoke execute on function %s from public', functions);
  for foreign_role in
    select distinct acl.grantee
    from pg_proc p, aclexplode(p.proacl) acl
    where p.pronamespace = 'public'::regnamespace and p.proname = 'ledger_apply'
      and acl.grantee not in (0, p.proowner) and acl.grantee is distinct from to_regrole(quote_ident(app))::oid
  loop
    execute format('revoke all on table %s from %s', tables, foreign_role);
    execute format('revoke all on function %s from %s', functions, foreign_role);
  end loop;
  begin
    execute format('revoke connect, temporary on database %I from public', current_database());
  exception
    when insufficient_privilege then
      raise notice '% may not decide who connects to this database', current_user;
  end;

  if not exists (select from pg_roles where rolname = app) then
    return;
  end if;
  execute format('revoke all on table %s from %I', tables, app);
  execute format('grant usage on schema public to %I', app);
  execute format('grant select on table %s to %I', tables, app);
  execute format('grant insert, update, delete on limits, monitors to %I', app);
  execute format('grant insert, update on webhook_endpoints to %I', app);
  execute format('grant execute on function %s to %I', functions, app);
  begin
    execute format('grant connect on database %I to %I', current_database(), app);
  exception
    when insufficient_privilege then null;  -- then everyone still may
  end;
end
$$;

-- The role of applications whose tables are in this database: they call the functions of the schema livebalance, and
-- can do nothing else with the ledger. An application's login gets it by `grant`.
do $$
declare
  client constant text := left(current_setting('livebalance.app_role'), 59) || '_sql';
  foreign_role regrole;
begin
  revoke all on all functions in schema livebalance from public;
  -- A role that came with a copy of another database.
  for foreign_role in
    select acl.grantee
    from pg_namespace n, aclexplode(n.nspacl) acl
    where n.nspname = 'livebalance' and acl.privilege_type = 'USAGE'
      and acl.grantee not in (0, n.nspowner) and acl.grantee is distinct from to_regrole(quote_ident(client))::oid
  loop
    execute format('revoke all on schema livebalance from %s', foreign_role);
    execute format('revoke all on all functions in schema livebalance from %s', foreign_role);
  end loop;
  begin
    if not exists (select from pg_roles where rolname = client) then
      execute format('create role %I nologin', client);
    end if;
    execute format('grant usage on schema livebalance to %I', client);
    execute format('grant execute on all functions in schema livebalance to %I', client);
    execute format('revoke execute on function livebalance.run(jsonb, numeric, text), livebalance.sqlstate_of(text) from %I', client);
    execute format('grant connect on database %I to %I', current_database(), client);
  exception
    when duplicate_object or unique_violation then null;  -- another process was quicker
    when insufficient_privilege then
      raise notice '% cannot be created or granted its rights', client;
  end;
end
$$;
