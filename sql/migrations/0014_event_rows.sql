-- The events of a change become one row with their names, where each had a row of its own: the figures are the same, and
-- a row and its place in the index cost more than a name.

-- The names of the events of a change, in order. The bound lets events_between() find the row of a seq by its last one.
create domain event_names as event_name[]
  check (cardinality(value) between 1 and 4 and array_position(value, null) is null);

-- On an empty database there is none yet.
drop view if exists event_stream;
alter table events rename to event_rows;
alter table event_rows rename constraint events_pkey to event_rows_pkey;
alter table event_rows rename column event to events;
alter table event_rows alter column events type event_names using array[events];
