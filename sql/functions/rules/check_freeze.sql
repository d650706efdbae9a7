-- Rule: no money leaves a wallet that is frozen for debits, whatever was promised before, and none comes to one that is
-- frozen for credits. Money that is set aside counts as leaving. Still accepted:
--   everything that only frees money: a void, an expiry, a rejection, a cancellation; a void and an expiry also charge
--   what the hold's captures took before the freeze
--   an admin's adjustment, by which a frozen wallet is put right
-- A topup is refused when it is asked for, so that nobody pays for one that cannot be booked. Returns null if the
-- command may go ahead. The caller holds the wallet's lock.
create or replace function check_freeze(p_wallet bigint, command ledger_command, p_decision decision) returns decision
language plpgsql stable as $$
declare
  frozen freezes;
begin
  select * into frozen from freeze_of(p_wallet);
  if p_decision.type = 'admin_adjustment' and command.role is null then
    return null;
  elsif frozen.debits and (
      (p_decision.balance_delta < 0 and command.op not in ('hold_void', 'hold_expire'))
      or p_decision.held_delta > 0 or (command.op = 'hold_capture' and p_decision.type = 'hold')) then
    return refuse('wallet_frozen', '{"frozen": "debits"}');
  elsif frozen.credits and (p_decision.balance_delta > 0 or command.op = 'topup_request') then
    return refuse('wallet_frozen', '{"frozen": "credits"}');
  end if;
  return null;
end
$$;
