-- Raises: a statement did not write the rows that it was to write. What was written in the same transaction goes
-- with it, so that no entry stands without its snapshot.
create or replace function miscounted(p_table text, p_expected bigint, p_written bigint) returns void
language plpgsql as $$
begin
  raise exception '% of % rows of % were written', p_written, p_expected, p_table
    using hint = 'a trigger, a rule or a policy keeps the ledger from writing';
end
$$;
