-- A limit put while the last monitor was deleted, or the other way round, could leave the wallet unwatched:
-- the limit stood in the list, and nothing went by it. sql/functions/watch_wallet.sql says how it is now.
lock table limits, monitors in share mode;
update wallets w set watched = true
where not watched
  and (exists (select from limits l where l.wallet_id = w.id)
    or exists (select from monitors m where m.wallet_id = w.id));
