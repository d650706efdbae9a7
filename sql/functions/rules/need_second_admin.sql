-- Rule: above the amount of the tenant, two admins must agree. The first one's approval is kept (`approved_by`), and the
-- transaction stays pending. An adjustment or a refund is opened as pending. The decision is returned as it is if the
-- first approval is there, if the amount is smaller, or if no person decides: a service, a provider whose payment was
-- verified, an application.
create or replace function need_second_admin(command ledger_command, p_decision decision, txn transactions)
returns decision language plpgsql stable as $$
begin
  if p_decision.status is distinct from 'success' or command.role is not null
      or command.op not in ('adjustment', 'refund', 'topup_process', 'withdrawal_process')
      or (command.op <> 'refund' and txn.approved_by is not null)
      or coalesce(abs(p_decision.amount)
        <= four_eyes_amount(command.tenant, coalesce(txn.currency, command.currency)), true) then
    return p_decision;
  end if;
  return accept(p_decision.type, p_decision.amount, 'pending', 0, 0);
end
$$;
