-- The transactions that commands name, each once, with their ids. Read after the lock, like the accounts.
create or replace function load_transactions(p_commands ledger_command[])
returns table (transactions transactions[], ids uuid[]) language sql stable as $$
  select array_agg(t), array_agg(t.id) from transactions t
  where (t.tenant, t.id) in (select c.tenant, c.transaction_id from unnest(p_commands) as c)
$$;
