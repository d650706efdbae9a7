-- Whether an auto top-up has to ask for a topup now: the balance is below the threshold, none is under way, and
-- another one stays within the cap. What failed does not count. Nothing is charged for a suspended tenant, or for a
-- wallet as long as it is frozen for credits.
create or replace function auto_topup_is_due(rule auto_topups) returns boolean language sql stable as $$
  select rule.status = 'active'
    and not is_suspended((select tenant from wallets where id = rule.wallet_id))
    and not coalesce((select credits from freeze_of(rule.wallet_id)), false)
    and rule.threshold > coalesce((
      select balance from balance_snapshots where wallet_id = rule.wallet_id and currency = rule.currency), 0)
    and not exists (
      select from auto_topup_runs
      where wallet_id = rule.wallet_id and currency = rule.currency and ended_at is null)
    and rule.amount <= rule.cap - coalesce((
      select sum(amount) from auto_topup_runs
      where wallet_id = rule.wallet_id and currency = rule.currency and outcome is distinct from 'failed'
        and opened_at > ledger_clock() - make_interval(secs => rule.period_seconds)), 0)
$$;
