-- What the house's accounts hold, summed from the entries: credits less debits. `cash` is below zero by what users
-- have with the house, for what is credited to them is debited there. With the wallets they come to zero.
create or replace view house_balances as
select a.tenant, a.currency, a.kind, coalesce(sum(side.amount), 0) as balance
from accounts a
left join (
  select debit_account as account_id, -sum(amount) as amount from entries group by 1
  union all
  select credit_account, sum(amount) from entries group by 1
) as side on side.account_id = a.id
where a.wallet_id is null
group by a.tenant, a.currency, a.kind;
