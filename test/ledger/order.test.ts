import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Committed } from '../../src/ledger/command.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { createDatabase, type TestDatabase } from '../support/index.ts'
import { tenant, USD } from '../support/ledger/sample.ts'

const WRITERS = 4
const CHANGES = 300

let database: TestDatabase
const pools: Sql[] = []
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(async () => {
  await Promise.all(pools.map((sql) => sql.end()))
  await database.drop()
})

test('invariant 4: per user, seq, versions and times tell one order, whoever writes', async () => {
  const published: number[][] = []
  const executors = Array.from({ length: WRITERS }, () => {
    const sql = connect(database.appUrl, { max: 2 })
    pools.push(sql)
    const onCommitted = async ({ events }: { events: { userId: string; seq: number }[] }) => {
      published.push(events.filter(({ userId }) => userId === 'alice').map(({ seq }) => seq))
    }
    return new Executor(sql, { onCommitted })
  })
  const outcomes = await Promise.all(
    Array.from({ length: CHANGES }, (_, i) => {
      const change =
        i % 2 === 0
          ? ({ op: 'adjustment', userId: 'alice', amount: 5n, description: 'x' } as const)
          : ({ op: 'payment', userId: 'alice', amount: 7n } as const)
      const common = { tenant, actor: 'admin', currency: USD }
      return executors[i % WRITERS]?.execute({ ...common, ...change })
    }),
  )
  // Payments beyond the balance are refused: their events have a seq as well.
  expect(outcomes.filter((outcome) => outcome?.ok).length).toBeGreaterThan(100)

  const [sql] = pools as [Sql]
  const events = await sql<{ seq: string; at: string }[]>`
    select e.seq, e.created_at::text as at from events e
    join wallets w on w.id = e.wallet_id where w.user_id = 'alice' order by e.seq`
  expect(events.map(({ seq }) => Number(seq))).toEqual(events.map((_, i) => i + 1))
  expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).sort())
  const known = published.flat().sort((a, b) => a - b)
  expect(known).toEqual([...new Set(known)])
  expect(known.at(-1)).toBe(events.length)

  const entries = await sql<{ version: string; at: string }[]>`
    select version, created_at::text as at from wallet_entries
    where user_id = 'alice' order by version`
  expect(entries.map(({ version }) => Number(version))).toEqual(entries.map((_, i) => i + 1))
  expect(entries.map(({ at }) => at)).toEqual(entries.map(({ at }) => at).sort())
})

test('invariant 5: what is handed over for publishing is committed: another session sees it', async () => {
  const writer = connect(database.appUrl, { max: 1 })
  const other = connect(database.appUrl, { max: 1 })
  pools.push(writer, other)
  const seen: unknown[] = []
  const onCommitted = async ({ outboxId, events }: Committed) => {
    const rows = await other`
      select e.seq from outbox o, wallets w, events e
      where o.id = ${outboxId} and w.user_id = 'bea' and e.wallet_id = w.id order by e.seq`
    seen.push([events.map(({ seq }) => seq), rows.map(({ seq }) => Number(seq))])
  }
  const executor = new Executor(writer, { onCommitted })
  const change = { op: 'adjustment', userId: 'bea', amount: 5n, description: 'x' } as const
  await executor.execute({ tenant, actor: 'admin', currency: USD, ...change })
  expect(seen).toEqual([
    [
      [1, 2],
      [1, 2],
    ],
  ])
})

test('the first change to a new account is written, whatever the clock said when it was opened', async () => {
  const owner = connect(database.ownerUrl, { max: 1 })
  pools.push(owner)
  const executor = new Executor(owner)
  const gift = { op: 'adjustment', tenant, actor: 'admin', userId: 'bob', amount: 5n } as const
  await executor.execute({ ...gift, currency: USD })
  // The clock was put back: the wallet's newest change is of later than now. The account opens a moment after it,
  // which is the very microsecond that its first change is given.
  await owner`
    update wallets set changed_at = '2199-01-01 00:00:00.000001Z' where user_id = 'bob'`
  await owner`
    alter table balance_snapshots alter updated_at set default '2199-01-01 00:00:00.000002Z'`
  await executor.execute({ ...gift, currency: 'JPY' })
  const [snapshot] = await owner`
    select s.balance, s.version, s.updated_at = w.changed_at as in_time
    from balance_snapshots s join wallets w on w.id = s.wallet_id
    where s.user_id = 'bob' and s.currency = 'JPY'`
  expect(snapshot).toEqual({ balance: '5', version: '1', in_time: true })
})
