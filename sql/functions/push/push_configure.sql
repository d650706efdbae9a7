-- Sets what a user is notified of: what is null in p_rules stays. p_quiet_hours is an object with `from`, `to` and
-- `timeZone`, or JSON's null for none; SQL's null leaves them.
create or replace function push_configure(p_tenant text, p_user_id text, p_rules jsonb, p_quiet_hours jsonb)
returns setof push_settings language sql security definer set search_path = public, pg_temp as $$
  insert into push_settings as s (wallet_id, rules, quiet_from, quiet_to, time_zone)
  select lock_wallet(p_tenant, p_user_id), p_rules, (p_quiet_hours ->> 'from')::smallint,
    (p_quiet_hours ->> 'to')::smallint, p_quiet_hours ->> 'timeZone'
  on conflict (wallet_id) do update set
    rules = coalesce(s.rules, '{}') || coalesce(excluded.rules, '{}'),
    quiet_from = case when p_quiet_hours is null then s.quiet_from else excluded.quiet_from end,
    quiet_to = case when p_quiet_hours is null then s.quiet_to else excluded.quiet_to end,
    time_zone = case when p_quiet_hours is null then s.time_zone else excluded.time_zone end,
    updated_at = clock_timestamp()
  returning *
$$;
