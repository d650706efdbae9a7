-- The transactions that commands name, each once, with their ids. Read after the lock, like the accounts. Also whether
-- any tenant asks for two admins: where none does, no command has to look.
create or replace function load_transactions(p_commands ledger_command[])
returns table (transactions transactions[], ids uuid[], four_eyes boolean) language sql stable as $$
  select array_agg(found.t), array_agg((found.t).id), exists (select from four_eyes)
  from (
    -- By its index, whatever the statistics say.
    select (select t from transactions t where t.tenant = asked.tenant and t.id = asked.transaction_id) as t
    from (select distinct c.tenant, c.transaction_id from unnest(p_commands) as c) as asked
    offset 0
  ) as found
  where (found.t).id is not null
$$;
