-- Events in partitions, so that old ones are dropped and not deleted. A partition has the events of a generation, which
-- is a number and no time: a clock that is wrong can make a generation long or short, and no hole in a stream.

-- The generations whose partitions exist. Events are written to the newest one that began. The one after it is there
-- ahead, because a transaction that began before a partition was made cannot write to it.
create table event_generations (
  generation integer primary key,
  began_at timestamptz,
  -- Its partition is detached, and no longer read. It is dropped next.
  detached_at timestamptz
);

-- As in its file. It is the default of a column.
create function event_generation() returns integer language sql stable as $$
  select max(generation) from event_generations where began_at is not null
$$;

-- They are made anew, on the new table. On an empty database there are none yet.
drop view if exists event_stream, events cascade;
alter table event_rows rename to event_rows_0;
alter table event_rows_0 rename constraint event_rows_pkey to event_rows_0_pkey;

-- Without a key of its own, which would have to name the generation: each partition has one, and `seq` is raised under the
-- wallet's lock. The order of the columns leaves the fewest bytes between them.
create table event_rows (
  wallet_id bigint not null,
  seq bigint not null,
  events event_names not null,
  currency text not null,
  generation integer not null default event_generation(),
  new_balance bigint not null,
  previous_balance bigint,
  transaction_id uuid,
  transaction_type transaction_type,
  status transaction_status,
  amount bigint,
  details jsonb,
  traceparent text,
  created_at timestamptz not null
) partition by list (generation);

-- The events so far are generation 0.
do $$
begin
  if exists (select from event_rows_0) then
    alter table event_rows_0 add column generation integer not null default 0;
    alter table event_rows_0 alter column generation drop default;
    alter table event_rows attach partition event_rows_0 for values in (0);
    insert into event_generations (generation, began_at) values (0, '-infinity');
  else
    drop table event_rows_0;
  end if;
  for v_generation in 1 .. 2 loop
    execute format('create table event_rows_%1$s partition of event_rows (primary key (wallet_id, seq)) for values in (%1$s)',
      v_generation);
  end loop;
  insert into event_generations (generation, began_at) values (1, clock_timestamp()), (2, null);
end
$$;
