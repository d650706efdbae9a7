-- What an admin froze of a wallet, and when. Each change is a row, so the rows are the history. The newest one counts.
-- Its seq is that of the event that told the user: no debit of a later seq was accepted while debits are frozen.
create table freezes (
  wallet_id bigint not null references wallets,
  seq bigint not null,
  debits boolean not null,
  credits boolean not null,
  reason text,
  changed_by text not null,
  changed_at timestamptz not null,
  primary key (wallet_id, seq)
);
create trigger freezes_watched after insert on freezes
  for each row execute function watch_wallet();
