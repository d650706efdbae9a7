-- What is frozen of a wallet now. No row if nothing of it ever was.
create or replace function freeze_of(p_wallet bigint) returns setof freezes
language sql stable as $$
  select * from freezes where wallet_id = p_wallet order by seq desc limit 1
$$;
