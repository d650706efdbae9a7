import { expect } from 'vitest'
import { Auditor } from '../../src/ledger/auditor.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { test as base } from '../support/fixtures.ts'
import { eventually } from '../support/index.ts'

const PROCESSES = 4
const CAPTURES = 50

/** As many server processes, each with its own connections. */
const test = base.extend('pools', { scope: 'file' }, async ({ database }, { onCleanup }) => {
  const pools = Array.from({ length: PROCESSES }, () => connect(database.appUrl, { max: 2 }))
  onCleanup(async () => void (await Promise.all(pools.map((sql) => sql.end({ timeout: 1 })))))
  return pools
})

test('50 parallel captures of one hold never exceed it, while connections are killed', async ({
  owner,
  pools,
}) => {
  const executors = pools.map((sql) => new Executor(sql, { retryForMs: 30_000 }))
  const run = async (i: number, command: object) =>
    (executors[i % PROCESSES] as Executor).execute({
      ...{ op: 'hold', tenant: 'default', actor: 'model', ...command },
    })
  const gift = { op: 'adjustment', userId: 'ann', currency: 'USD', amount: 1_000n }
  await run(0, gift)
  const opened = await run(1, { userId: 'ann', currency: 'USD', amount: 100n, expiresIn: 3_600 })
  if (!opened.ok) throw new Error(opened.code)
  const transactionId = opened.transaction.id

  let answered = 0
  const capturing = Promise.all(
    Array.from({ length: CAPTURES }, async (_, i) => {
      const part = { op: 'hold_capture', transactionId, amount: 3n, final: false }
      const outcome = await run(i, { ...part, idempotencyKey: `part-${i}` })
      answered += 1
      return outcome
    }),
  )
  // Twice, in the middle of whatever they do.
  for (let round = 0; round < 2; round++) {
    await owner`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and usename <> current_user`
    await eventually(() => expect(answered).toBeGreaterThan(round))
  }
  const outcomes = await capturing

  const taken = outcomes.filter(({ ok }) => ok)
  expect(taken).toHaveLength(33)
  for (const outcome of outcomes) {
    if (!outcome.ok) {
      expect(outcome).toMatchObject({ code: 'capture_exceeds_hold', details: { maximum: 1n } })
    }
  }
  expect(await run(2, { op: 'hold_void', transactionId })).toMatchObject({
    transaction: { amount: -99n, capturedAmount: 99n, newBalance: 901n },
  })
  const [told] = await owner`select count(*)::int from events where event = 'hold_exhausted'`
  expect(told).toEqual({ count: 1 })
  const { discrepancies } = await new Auditor(pools[0] as Sql).audit('default')
  expect(discrepancies).toEqual([])
})
