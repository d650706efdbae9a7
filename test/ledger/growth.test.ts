import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { questions } from '../../bench/growth/questions.ts'
import { Auditor } from '../../src/ledger/auditor.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { test } from '../support/fixtures.ts'

const ROWS = 100_000

/** Rows that a question may look at: what it answers with, several times over, and not the tables. */
const FEW = 3_000

/** Housekeeping: a step's worth of wallets or blocks, however many there are. */
const STEPS: Record<string, number> = {
  'prune events: one step': 40_000,
  'prune keys: one step': 20_000,
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
  await owner.unsafe(`call fill(${ROWS}, 1000)`)
  await owner.unsafe('vacuum analyze')
}, 120_000)

/** Rows of tables that this transaction has read so far. */
async function rowsRead(sql: Sql): Promise<number> {
  const [row] = await sql<{ rows: number }[]>`
    select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::float8 as rows
    from pg_stat_xact_user_tables`
  return row?.rows ?? 0
}

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
    [...read].filter(([name, rows]) => rows > (STEPS[name] ?? FEW) && !THOROUGH.has(name)),
  ).toEqual([])
})

test('a ledger that the bench fills is sound', async ({ owner }) => {
  const audit = await new Auditor(owner).audit('default')
  expect(audit).toMatchObject({ inaccurate: 0, discrepancies: [] })
  expect(audit.entries).toBeGreaterThanOrEqual(ROWS * 0.98)
})
