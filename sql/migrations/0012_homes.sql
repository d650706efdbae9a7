-- Which database a tenant lives in, where there are several (TENANT_DATABASES). The main database has a row for each
-- tenant that lives elsewhere, and the others one for each tenant that lives or lived there. So a wrong setting cannot
-- give a tenant a second ledger.
create table tenant_homes (
  tenant tenant_name primary key,
  here boolean not null,
  settled_at timestamptz not null default clock_timestamp()
);

-- Its body is in sql/functions/tenants/refuse_elsewhere.sql.
create function refuse_elsewhere() returns trigger language plpgsql as 'begin return new; end';
create trigger wallets_live_here before insert on wallets
  for each row execute function refuse_elsewhere();
