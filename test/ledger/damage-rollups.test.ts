import { expect } from 'vitest'
import { damage } from '../support/ledger/damage.ts'
import { type Sample, tenant, test } from '../support/ledger/sample.ts'

/** What is changed of the roll-ups of a wallet with some entries, and where the audit then points. */
const ROLLUPS: [name: string, statement: string, problem: string, at: string][] = [
  [
    'the day of a wallet',
    'update analytics_days set net = net + 1 where WALLET and TYPE',
    'a day of the roll-ups is not the sum of the entries',
    'DAY admin_adjustment success',
  ],
  [
    'the times of day of a wallet',
    "update analytics_days set quarters = repeat('1', 96)::bit(96) where WALLET and TYPE",
    'a day of the roll-ups is not the sum of the entries',
    'DAY admin_adjustment success',
  ],
  [
    'the day of a wallet taken out',
    'delete from analytics_days where WALLET and TYPE',
    'a day of the roll-ups is not the sum of the entries',
    'DAY admin_adjustment success',
  ],
  [
    'the last entry of a wallet',
    "update analytics_cursors set last_entry_at = last_entry_at + interval '1 second' where WALLET",
    'the first or last entry of the roll-ups is not that of the wallet',
    '',
  ],
  [
    'the amount of an open hold in the roll-ups',
    'update analytics_open set amount = amount + 1 where WALLET',
    'an open hold or withdrawal is not in the roll-ups',
    'HOLD',
  ],
]

test.for(ROLLUPS)(
  'the audit finds %s that was altered',
  async ([name, statement, problem, at], { ledger }) => {
    const userId = name.replaceAll(/[^a-z]/g, '-')
    const hold = await rolledUp(ledger, userId)
    const before = await ledger.auditor.audit(tenant)
    expect(before.discrepancies.filter((one) => one.userId === userId)).toEqual([])
    const day = new Date().toISOString().slice(0, 10)
    const target = statement
      .replace('WALLET', `wallet_id = (select id from wallets where user_id = '${userId}')`)
      .replace('TYPE', "type = 'admin_adjustment'")
    expect(await damage(ledger, target)).toBe(1)
    const { discrepancies } = await ledger.auditor.audit(tenant)
    expect(discrepancies).toContainEqual({
      ...{ userId, currency: 'USD', problem },
      ...(at !== '' && { at: at.replace('DAY', day).replace('HOLD', hold) }),
    })
  },
)

/** What is changed of the roll-ups of a tenant. */
const BUCKETS: [name: string, statement: string, problem: string][] = [
  [
    'a day',
    'update analytics_buckets set volume = volume + 1 where minutes = 1440 and TYPE',
    'a roll-up of a day is not the sum of the days of its users',
  ],
  [
    'an hour',
    'update analytics_buckets set fees = fees + 1 where minutes = 60 and TYPE',
    'the roll-ups of a day differ by grain',
  ],
  [
    'a quarter of an hour taken out',
    'delete from analytics_buckets where minutes = 15 and TYPE',
    'the roll-ups of a day differ by grain',
  ],
  [
    'the users of a day',
    'update analytics_users set users = users + 1 where minutes = 1440 and TENANT',
    'the users of a roll-up are not those of its days',
  ],
  [
    'the users of an hour that were there before',
    'update analytics_buckets set seen_before = array_fill(1, array[27]) where minutes = 60 and TYPE',
    'the users of a roll-up are not those of its days',
  ],
  [
    'the size of a cohort',
    "update analytics_cohorts set users = users + 1 where unit = 'month' and TENANT",
    'a cohort of the roll-ups is not that of its wallets',
  ],
  [
    'what a cohort did',
    "update analytics_cohort_periods set volume = volume + 1 where unit = 'week' and TENANT",
    'a cohort of the roll-ups is not that of its wallets',
  ],
  [
    'what is held',
    "update analytics_buckets set held = held + 1 where type = 'hold' and TENANT",
    'what the roll-ups hold differs from the open holds and withdrawals',
  ],
]

test.for(BUCKETS)(
  'the audit finds %s of the roll-ups that was altered',
  async ([name, statement, problem], { ledger }) => {
    const rolled = `rolled-${name.replaceAll(/[^a-z]/g, '-')}`
    await rolledUp(ledger, 'ann', rolled)
    const found = async () => (await ledger.auditor.audit(rolled)).discrepancies
    expect(await found()).toEqual([])
    const of = `tenant = '${rolled}'`
    const target = statement
      .replace('TYPE', `type = 'admin_adjustment' and ${of}`)
      .replace('TENANT', of)
    expect(await damage(ledger, target)).toBeGreaterThan(0)
    expect((await found()).map((one) => one.problem)).toContain(problem)
    // The audit of another tenant says nothing of it.
    expect((await ledger.auditor.audit('another')).discrepancies).toEqual([])
  },
)

/** Two payments to a wallet, a topup and a hold, all in the roll-ups. Returns the id of the hold. */
async function rolledUp(ledger: Sample, userId: string, of = tenant): Promise<string> {
  for (let i = 0; i < 2; i++) {
    await ledger.accepted({ op: 'adjustment', tenant: of, actor: 'admin', userId, amount: 100n })
  }
  const asked = { op: 'topup_request', tenant: of, userId, amount: 5n } as const
  const { id: transactionId } = await ledger.accepted(asked)
  const decided = { op: 'topup_process', actor: 'admin', status: 'success' } as const
  await ledger.accepted({ tenant: of, ...decided, transactionId })
  const hold = { op: 'hold', tenant: of, userId, amount: 10n, expiresIn: 3_600 } as const
  const { id } = await ledger.accepted(hold)
  await ledger.store.acknowledge((await ledger.store.claim(1_000, 0)).map((one) => one.outboxId))
  await ledger.sql`select analytics_step(1000)`
  return id
}
