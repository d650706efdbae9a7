-- The transactions that commands name, each once, with their ids. Read after the lock, like the accounts. Also whether
-- any tenant asks for two admins: where none does, no command has to look.
create or replace function load_transactions(p_commands ledger_command[])
returns table (transactions transactions[], ids uuid[], four_eyes boolean) language sql stable as $$
  select array_agg(t), array_agg(t.id), exists (select from four_eyes) from transactions t
  where (t.tenant, t.id) in (select c.tenant, c.transaction_id from unnest(p_commands) as c)
$$;
