-- Raises, because a statement wrote another number of rows than it should. The whole transaction is rolled back, so
-- that no entry exists without its snapshot.
create or replace function miscounted(p_table text, p_expected bigint, p_written bigint) returns void
language plpgsql as $$
begin
  raise exception '% of % rows of % were written', p_written, p_expected, p_table
    using hint = 'a trigger, a rule or a policy keeps the ledger from writing';
end
$$;
