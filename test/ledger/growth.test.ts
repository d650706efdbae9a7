import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { questions } from '../../bench/growth/questions.ts'
import { Analytics } from '../../src/ledger/analytics-reader.ts'
import { Auditor } from '../../src/ledger/auditor.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { test } from '../support/fixtures.ts'
import { rowsRead } from '../support/ledger/rows-read.ts'

const ROWS = 100_000

/** Rows that a question may look at: what it answers with, several times over, and not the tables. */
const FEW = 3_000

/** Housekeeping: a step's worth of wallets or blocks, however many there are. */
const STEPS: Record<string, number> = {
  'prune events: one step': 40_000,
  'prune keys: one step': 20_000,
}

/** What few users have, and what is asked of some users. Not even the wallets of the tenant are looked at. */
const SHORT: Record<string, number> = {
  'admin: limits, by user': 500,
  'admin: alerts, by user': 500,
  'admin: what a provider reported of a topup': 50,
  'admin: what is known of the user of a request': 50,
  'events: the newest 10': 50,
  'heads of 100 users': 200,
  'balances of 100 users': 300,
}

/** They look at all there is of a wallet, or of what was asked for, and say so in docs/ledger.md. */
const THOROUGH = new Set([
  '… in a currency there is none of',
  'payment under a limit by the day',
  'verify, the busy user',
  'recalculate, the busy user',
  'audit: one step',
  'audit: orphans',
  'audit: the ledger as a whole',
])

test.beforeAll(async ({ owner }) => {
  const fill = new URL('../../bench/growth/fill.sql', import.meta.url)
  await owner.unsafe(readFileSync(fill, 'utf8'))
  await owner.unsafe(`call fill(${ROWS}, 1000, 30)`)
  await owner.unsafe('vacuum analyze')
})

test('no question of the server reads more for there being more, save the thorough ones', async ({
  owner,
}) => {
  const read = new Map<string, number>()
  await owner.begin(async (tx) => {
    const sql = tx as unknown as Sql
    for (const [name, ask] of await questions(sql)) {
      const before = await rowsRead(sql)
      await ask()
      read.set(name, (await rowsRead(sql)) - before)
    }
  })
  expect(
    [...read].filter(
      ([name, rows]) => rows > (STEPS[name] ?? SHORT[name] ?? FEW) && !THOROUGH.has(name),
    ),
  ).toEqual([])
})

test('a year by day, and the lists of analytics, read roll-ups and nothing of the ledger', async ({
  owner,
}) => {
  const rollups = new URL('../../bench/growth/rollups.sql', import.meta.url)
  await owner.unsafe(readFileSync(rollups, 'utf8'))
  await owner.unsafe('call fill_rollups()')
  await owner.unsafe('vacuum analyze')
  // What this session has read until now is still counted as of its next transaction.
  await owner`select pg_stat_force_next_flush()`
  const DAY_MS = 86_400_000
  const range = {
    ...({ tenant: 'default', bucket: 'day', timeZone: 'UTC' } as const),
    from: new Date(Date.now() - 365 * DAY_MS).toISOString(),
    to: new Date().toISOString(),
  }
  await owner.begin(async (tx) => {
    const analytics = new Analytics(tx as unknown as Sql)
    const buckets = await analytics.series(range, 'USD')
    expect(buckets.length).toBeGreaterThanOrEqual(366)
    expect(buckets.at(-1)?.balance).toBeGreaterThan(0n)
    const elsewhere = await analytics.series({ ...range, timeZone: 'Asia/Kolkata' }, 'USD')
    // The users of a day of another zone come from the roll-ups too: all pay within a third of a day.
    expect(elsewhere.reduce((most, { users }) => Math.max(most, users), 0)).toBeGreaterThan(900)
    const [days] = await tx`
      select coalesce(idx_tup_fetch + seq_tup_read, 0)::int as read from pg_stat_xact_user_tables
      where relname = 'analytics_days'`
    expect(days?.read ?? 0).toBe(0)
    await analytics.series({ ...range, bucket: 'hour', from: range.to.slice(0, 10) }, 'USD')
    const touched = await tx`
      select relname, seq_scan, idx_scan from pg_stat_xact_user_tables
      where (relname in ('entries', 'transactions') or relname like 'event_rows%') and (seq_scan > 0 or idx_scan > 0)`
    expect([...touched]).toEqual([])
  })
  const few = await owner.begin(async (tx) => {
    const before = await rowsRead(tx as unknown as Sql)
    const analytics = new Analytics(tx as unknown as Sql)
    await analytics.series(range, 'USD')
    const common = { tenant: 'default', currency: 'USD' }
    await analytics.dormant({ ...common, limit: 50, since: range.to })
    await analytics.cohorts({ ...common, ...range, unit: 'month' })
    return (await rowsRead(tx as unknown as Sql)) - before
  })
  expect(few).toBeLessThan(FEW)
})

test('a ledger that the bench fills is sound', async ({ owner }) => {
  const audit = await new Auditor(owner).audit('default')
  expect(audit).toMatchObject({ inaccurate: 0, discrepancies: [] })
  expect(audit.entries).toBeGreaterThanOrEqual(ROWS * 0.98)
})
