-- What admins, trusted services and operators did with their rights, and what they were refused: the audit log. One
-- row for each deed. It is written in the transaction of the deed. Rows never change and are never deleted.

-- DEEDS of src/ledger/deed.ts has the same names in the same order.
create type deed_name as enum (
  -- Commands of the ledger. Their names are those of the commands.
  'topup_process', 'withdrawal_process', 'adjustment', 'adjustment_process', 'refund', 'refund_process',
  'wallet_freeze', 'recalculate', 'recalculate_all', 'four_eyes_set',
  'limit_set', 'limit_delete', 'monitor_set', 'monitor_delete',
  'tokens_revoke', 'revocation_lift',
  'webhook_create', 'webhook_change', 'webhook_delete', 'webhook_rotate', 'webhook_test', 'webhook_replay',
  'provider_event_resolve', 'debt_settle',
  'auto_topup_set', 'auto_topup_delete', 'method_save', 'method_delete',
  'tenant_create', 'tenant_change', 'tenant_delete', 'key_create', 'key_change', 'key_revoke',
  'statement_export', 'deeds_export'
);

create table deeds (
  -- A UUIDv7 of `at`: by id is by time. It is the time of the database, so concurrent deeds may be a moment apart from
  -- the order of their commits. The order of the seals is fixed.
  id uuid not null,
  tenant tenant_name not null,
  at timestamptz not null,
  -- The token's `sub`, or what stands for it: `sql:<login>`.
  actor text not null,
  roles text[] not null,
  -- The API key, where there was one.
  key_id text,
  deed deed_name not null,
  -- Whom it concerns, and the id of what it concerns: of a transaction, a webhook, a revocation.
  user_id text,
  target text,
  -- `done`, or the code of the refusal.
  result text not null,
  request_id text,
  address text,
  -- `asked`, `before` and `after`, as far as they apply. Amounts are decimal texts in major units. No secrets.
  details jsonb not null default '{}',
  primary key (tenant, id)
);
create index deeds_of_actor on deeds (tenant, actor, id);
create index deeds_by_name on deeds (tenant, deed, id);
create index deeds_of_user on deeds (tenant, user_id, id) where user_id is not null;
create index deeds_of_target on deeds (tenant, target, id) where target is not null;

-- Deeds that have no seal yet. A lock for the chain in the transaction of the deed would make all deeds of a tenant wait
-- for one another, so seal_deeds() adds them to the chain a moment later.
create table unsealed_deeds (
  tenant text not null,
  id uuid not null,
  primary key (tenant, id)
);

-- The chain of a tenant's deeds, append-only: 1, 2, 3 … with no hole. The hash covers the deed and the hash before it.
create table deed_seals (
  tenant text not null,
  seq bigint not null,
  deed_id uuid not null,
  hash bytea not null,
  primary key (tenant, seq)
);
create unique index deed_seals_of_deed on deed_seals (tenant, deed_id);

-- The newest seal of each tenant, so that seals missing from the end are noticed.
create table deed_heads (
  tenant text primary key,
  seq bigint not null,
  hash bytea not null
);

create trigger deeds_append_only before update or delete on deeds
  for each row execute function refuse_change('deeds stay on record');
create trigger deeds_no_truncate before truncate on deeds
  for each statement execute function refuse_change('deeds stay on record');
create trigger deed_seals_append_only before update or delete on deed_seals
  for each row execute function refuse_change('deeds stay on record');
create trigger deed_seals_no_truncate before truncate on deed_seals
  for each statement execute function refuse_change('deeds stay on record');

-- The hint is that of entries unless the trigger gives another one.
create or replace function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: % is refused', tg_table_name, tg_op
    using errcode = 'restrict_violation',
          hint = coalesce(tg_argv[0], 'correct a posting by another posting (an adjustment or a refund)');
end
$$;

-- Who sends a command, for its deed: `DeedOrigin` of src/ledger/deed.ts.
alter type ledger_command add attribute origin jsonb;

-- From when on every decision about money has its deed. Calls that began before this migration may still commit, and a
-- clock that was ahead may have dated transactions later than now.
alter table meta add column deeds_since timestamptz;
update meta set deeds_since = greatest(clock_timestamp(), (select max(changed_at) from wallets)) + interval '1 minute';

-- It has one more argument now. Calls could mean either.
drop function if exists settle_debt(text, uuid, text, text);
