-- What lists are narrowed by, as far as it is rare. A payment that succeeded, which most rows are, is in none
-- of these: so they cost the busiest path nothing, and a list of payments, or of what succeeded, finds a page
-- of them anywhere.
create index transactions_of_wallet_by_type on transactions (wallet_id, type, id)
  where type <> 'booking_payment';
create index transactions_of_tenant_by_type on transactions (tenant, type, id)
  where type <> 'booking_payment';
create index transactions_of_wallet_by_status on transactions (wallet_id, status, id)
  where status <> 'success';
create index transactions_of_tenant_by_status on transactions (tenant, status, id)
  where status <> 'success';

-- It has a form with an idempotency key now.
drop function if exists recalculate(text, text, text);
