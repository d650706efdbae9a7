-- Sets the amount above which two admins of a tenant must agree; null: never. A lower amount is in force at once. A
-- higher one, or none, is first only asked for. It is in force once another admin asks for the same.
create or replace function set_four_eyes(p_tenant text, p_currency text, p_amount bigint, p_actor text)
returns void language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '500ms' as $$
declare
  v_current bigint;
  asked four_eyes;
  is_looser boolean;
begin
  -- One change of a tenant at a time, until the commit.
  perform pg_advisory_xact_lock(hashtextextended('four_eyes ' || p_tenant, 0));
  v_current := four_eyes_amount(p_tenant, p_currency);
  select * into asked from four_eyes
  where tenant = p_tenant and currency = p_currency order by id desc limit 1;
  if p_amount is not distinct from v_current and coalesce(asked.in_force, true) then
    return;
  end if;
  is_looser := v_current is not null and (p_amount is null or p_amount > v_current);
  if is_looser and not asked.in_force and asked.amount is not distinct from p_amount and asked.asked_by = p_actor then
    return;
  end if;
  insert into four_eyes (tenant, currency, amount, asked_by, seconded_by, in_force, changed_at)
  select p_tenant, p_currency, p_amount, case when is_seconded then asked.asked_by else p_actor end,
    case when is_seconded then p_actor end, is_seconded or not is_looser, ledger_clock()
  from (select is_looser and not asked.in_force and asked.amount is not distinct from p_amount) as s (is_seconded);
  if not found then
    perform miscounted('four_eyes', 1, 0);
  end if;
end
$$;
