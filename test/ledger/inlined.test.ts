import { expect } from 'vitest'
import { test } from '../support/fixtures.ts'

// A call of an SQL function that Postgres cannot put in place of the call costs more than what it decides.
test.for([
  'decide_opening(s.user_id, s.version, s.user_id, s.currency, s.version::int)',
  'check_funds(s.currency, s.balance, s.held, s.version, s.cash)',
  'decide(c, a, t, s.updated_at)',
  'told_by(t.status, s.held)',
  'opened_transaction(c, d, a, t.id, s.updated_at)',
  "build_change(transaction => t, events => '{balance_updated}', seq => 1, balance => s.balance)",
  'build_result(change => s.version::int)',
  'build_entry(a, t.id, s.cash, s.revenue)',
  'entry_hash(s.hash, s.cash, s.cash, gen_random_uuid(), s.cash, s.cash, s.cash, s.cash, s.cash, s.updated_at)',
  'uuid_at(s.updated_at)',
  "house_account('topup', s.cash, s.revenue, s.adjustments, s.transit)",
])('every payment passes %s, which its caller runs as an expression', async (call, { owner }) => {
  const rows = await owner.unsafe(`
    explain (verbose) select ${call}
    from balance_snapshots s, transactions t, json_populate_recordset(null::ledger_command, '[]') c,
      json_populate_recordset(null::account_state, '[]') a, json_populate_recordset(null::decision, '[]') d`)
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
  expect(plan).toContain('Output:')
  expect(plan).not.toContain(call.slice(0, call.indexOf('(') + 1))
})

const payment = { op: 'payment', tenant: 'default', actor: 'ann', user_id: 'ann', currency: 'USD' }

test('a payment calls no function of its own that could be left to rarer commands', async ({
  owner,
}) => {
  const given = { ...payment, op: 'adjustment', actor: 'admin', amount: '100' }
  await owner`select from ledger_apply(${JSON.stringify([given])}::text::json)`
  const called = await owner.begin(async (tx) => {
    await tx`set local track_functions = 'all'`
    await tx`select from ledger_apply(${JSON.stringify([{ ...payment, amount: '1' }])}::text::json)`
    return tx<
      { name: string }[]
    >`select funcname as name from pg_stat_xact_user_functions order by 1`
  })
  expect(called.map(({ name }) => name)).toEqual(['ledger_apply'])
})
