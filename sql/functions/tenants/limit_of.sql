-- The spending limit of a user: their own, else the one that their tenant has for everyone. The fields are null without
-- any.
create or replace function limit_of(p_wallet bigint, p_type transaction_type, p_currency text) returns limits
language plpgsql stable as $$
declare
  spending_limit limits;
begin
  select * into spending_limit from limits
  where wallet_id = p_wallet and type = p_type and currency = p_currency;
  if not found then
    -- By name: the table has got columns since, and Postgres would leave what is missing null without a word.
    select w.id, w.tenant, w.user_id, l.type, l.currency, l."maxAmount", l."maxSum", l."windowSeconds", t.updated_at
    into spending_limit.wallet_id, spending_limit.tenant, spending_limit.user_id, spending_limit.type,
      spending_limit.currency, spending_limit.max_amount, spending_limit.max_sum, spending_limit.window_seconds,
      spending_limit.updated_at
    from wallets w
    join tenants t on t.tenant = w.tenant
    cross join jsonb_to_recordset(t.settings -> 'limits') as l (
      type transaction_type, currency text, "maxAmount" bigint, "maxSum" bigint, "windowSeconds" integer)
    where w.id = p_wallet and t.settings ? 'limits' and l.type = p_type and l.currency = p_currency;
  end if;
  return spending_limit;
end
$$;
