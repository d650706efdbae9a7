-- What a payment provider reported of one topup.
create index provider_events_of_topup on provider_events (tenant, topup_id, id) where topup_id is not null;

-- Lists of a tenant's limits and monitors are read in the order of its users. Without these columns, that means to look
-- at each wallet for whether it has any.
alter table limits add column tenant text, add column user_id text;
alter table monitors add column tenant text, add column user_id text;
update limits l set tenant = w.tenant, user_id = w.user_id from wallets w where w.id = l.wallet_id;
update monitors m set tenant = w.tenant, user_id = w.user_id from wallets w where w.id = m.wallet_id;
alter table limits alter column tenant set not null, alter column user_id set not null;
alter table monitors alter column tenant set not null, alter column user_id set not null;
create index limits_of_tenant on limits (tenant, user_id, wallet_id);
create index monitors_of_tenant on monitors (tenant, user_id, wallet_id);

-- Its body is in sql/functions/accounts/name_user.sql.
create function name_user() returns trigger language plpgsql as 'begin return new; end';
create trigger limits_named before insert on limits
  for each row execute function name_user();
create trigger monitors_named before insert on monitors
  for each row execute function name_user();
