-- Tokens that stopped counting before they expire: every one that a user was given up to a moment, or a
-- single one by its id. A subject has one row, which its next revocation renews.
create table revocations (
  id uuid primary key default uuidv7(),
  tenant text not null,
  kind text not null check (kind in ('user', 'token')),
  -- The user's id, or the token's `jti`.
  subject text not null,
  reason text,
  revoked_by text not null,
  revoked_at timestamptz not null default clock_timestamp(),
  -- When the tokens that it is about are over anyway; null: nobody knows.
  expires_at timestamptz,
  -- Taken back. The row stays for a day, for processes to hear of it.
  lifted_at timestamptz,
  -- Raised by every change, in the order of the commits: a process asks for what is newer than it knows.
  version bigint not null,
  unique (tenant, kind, subject)
);
create index revocations_version on revocations (version);
create sequence revocation_versions;
