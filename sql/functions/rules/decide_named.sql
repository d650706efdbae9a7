-- Decides a command that names a transaction: a refund of it, or one that settles it.
create or replace function decide_named(
  command ledger_command, txn transactions, p_now timestamptz
) returns decision language plpgsql stable as $$
begin
  if command.tenant <> txn.tenant or command.user_id <> txn.user_id then
    return refuse('not_found');
  elsif command.currency <> txn.currency then
    return refuse('currency_mismatch', jsonb_build_object('currency', txn.currency));
  elsif command.op = 'refund' then
    return decide_refund(command, txn);
  end if;
  return decide_settling(command, txn, p_now);
end
$$;
