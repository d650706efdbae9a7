-- Above which amount a tenant wants two admins, by currency. Each change is a row, so the rows are the history. The
-- newest row in force counts. A change that would ask for a second admin less often is not in force until another admin
-- asks for the same: otherwise one admin could switch the rule off.
create table four_eyes (
  id bigint generated always as identity primary key,
  tenant tenant_name not null,
  currency text not null references currencies,
  -- In minor units; null: one admin is enough for any amount.
  amount bigint check (amount > 0),
  asked_by text not null,
  seconded_by text check (seconded_by <> asked_by),
  in_force boolean not null,
  changed_at timestamptz not null
);
create index four_eyes_of_tenant on four_eyes (tenant, currency, id);
