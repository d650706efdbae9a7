-- The transactions that commands name, with their places by id. Read after the lock, like the accounts.
create or replace function load_named(p_commands ledger_command[]) returns named_transactions
language plpgsql as $$
declare
  v_loaded named_transactions;
begin
  select array_agg(x.t), jsonb_object_agg((x.t).id, x.place)
  into v_loaded
  from (
    select t, row_number() over () as place from transactions t
    where t.id = any (array(select transaction_id from unnest(p_commands)))
  ) as x;
  return v_loaded;
end
$$;
