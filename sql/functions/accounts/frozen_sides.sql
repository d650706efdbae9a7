-- What is frozen of a wallet now, in one word: debits, credits or both. Null: nothing.
create or replace function frozen_sides(p_wallet wallets) returns text language sql stable as $$
  select case when p_wallet.watched then (
    select case when frozen.debits and frozen.credits then 'both' when frozen.debits then 'debits'
      when frozen.credits then 'credits' end
    from freeze_of(p_wallet.id) as frozen) end
$$;
