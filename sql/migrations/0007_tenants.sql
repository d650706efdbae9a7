-- Tenants that an operator has made, with what is set for them. A tenant without a row has the server's settings.
create table tenants (
  tenant tenant_name primary key,
  name text not null,
  -- As `TenantSettings` (src/tenants/tenant.ts). What is missing is as the server has it. Amounts are in minor units.
  settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
  suspended_at timestamptz,
  suspended_by text,
  suspended_reason text,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  -- Raised by every change, in the order of the commits: a process asks for what is newer than it knows.
  version bigint not null,
  check ((suspended_at is null) = (suspended_by is null))
);
create index tenants_version on tenants (version);
-- Usually empty, so that a payment learns at once that no tenant limits its users.
create index tenants_with_limits on tenants (tenant) where settings ? 'limits';

-- Of tenants and of API keys.
create sequence access_versions;
insert into tenants (tenant, name, created_by, version)
values ('default', 'Default', 'system', nextval('access_versions'));

-- Keys of services, and short ones with which an operator acts as an admin of a tenant. Only hashes of them are stored.
create table api_keys (
  id uuid primary key,
  tenant tenant_name not null,
  kind text not null check (kind in ('service', 'operator')),
  name text not null,
  -- Whom the ledger names as the actor.
  user_id user_name not null,
  -- Lists of names. `scopes` null: everything that the roles allow.
  roles jsonb not null,
  scopes jsonb,
  -- The part of the key that may be shown, and the SHA-256 of the whole key.
  prefix text not null unique,
  hash bytea not null check (length(hash) = 32),
  -- The key before, which works until a time.
  previous_prefix text unique,
  previous_hash bytea check (length(previous_hash) = 32),
  previous_user_id user_name,
  previous_until timestamptz,
  expires_at timestamptz,
  revoked_at timestamptz,
  revoked_by text,
  -- Written at most once a minute.
  last_used_at timestamptz,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  version bigint not null,
  check ((revoked_at is null) = (revoked_by is null)),
  check ((previous_hash is null) = (previous_until is null))
);
create index api_keys_version on api_keys (version);
create index api_keys_of_tenant on api_keys (tenant, id);

-- Requests of a tenant to all processes, in slots of five minutes. Kept for two days.
create table tenant_requests (
  tenant tenant_name not null,
  slot timestamptz not null,
  requests bigint not null,
  primary key (tenant, slot)
);

-- Open streams of a tenant by process, as each last reported them.
create table tenant_connections (
  process uuid not null,
  tenant tenant_name not null,
  connections integer not null,
  at timestamptz not null,
  primary key (tenant, process)
);
