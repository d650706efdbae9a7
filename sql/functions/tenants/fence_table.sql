-- Lets nobody write rows of a tenant in a table while it moves. p_by: rows name their `tenant` or their `wallet`.
-- p_on: the operations, such as `insert or update of url`. Only the owner may call it. Creating a trigger waits for the
-- transactions that have written to the table. Those that write later find it. So no row slips through, and tables
-- whose tenants all stay have no trigger to pay for.
create or replace function fence_table(p_table text, p_tenant text, p_move uuid, p_by text, p_on text) returns void
language plpgsql set search_path = public, pg_temp set lock_timeout = '500ms' as $$
declare
  v_row constant text := case p_on when 'delete' then 'old' else 'new' end;
begin
  execute format(
    'create or replace trigger %I before %s on %I for each row when (%s = %L) '
      'execute function refuse_fenced(%L, %L)',
    fence_name(p_tenant, p_on), p_on, p_table,
    case p_by when 'tenant' then v_row || '.tenant' else 'tenant_of_wallet(' || v_row || '.wallet_id)' end,
    p_tenant, p_move, p_tenant);
end
$$;
