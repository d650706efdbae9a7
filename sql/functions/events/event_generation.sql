-- The generation that events are written to. Ask for it in a statement that begins after the wallet's lock was taken:
-- then the generations of a wallet's events never go back, and dropping the oldest one leaves no hole.
create or replace function event_generation() returns integer language sql stable as $$
  select max(generation) from event_generations where began_at is not null
$$;
