-- The least that can be called a transfer: two balances, a transaction and two entries, in plpgsql. No
-- idempotency, no events, no holds, no proof. It stands for what this Postgres can do on this machine.
create table minimal_account (
  id bigint primary key, balance bigint not null check (balance >= 0)
) with (fillfactor = 80);
insert into minimal_account select n, 1000000000 from generate_series(1, 10001) n;
create table minimal_transaction (
  id bigint generated always as identity primary key,
  debit bigint, credit bigint, amount bigint, created_at timestamptz default now()
);
create table minimal_entry (
  account bigint, version bigint generated always as identity, amount bigint, balance bigint,
  transaction bigint, primary key (account, version)
);
create function minimal_transfer(p_from bigint, p_to bigint, p_amount bigint) returns bigint
language plpgsql as $$
declare
  v_id bigint;
  v_from bigint;
  v_to bigint;
begin
  perform from minimal_account where id in (p_from, p_to) order by id for update;
  update minimal_account set balance = balance - p_amount where id = p_from returning balance into v_from;
  update minimal_account set balance = balance + p_amount where id = p_to returning balance into v_to;
  insert into minimal_transaction (debit, credit, amount) values (p_from, p_to, p_amount)
  returning id into v_id;
  insert into minimal_entry (account, amount, balance, transaction)
  values (p_from, -p_amount, v_from, v_id), (p_to, p_amount, v_to, v_id);
  return v_id;
end
$$;
