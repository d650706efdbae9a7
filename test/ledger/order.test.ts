import { expect } from 'vitest'
import type { Command, Committed } from '../../src/ledger/command.ts'
import type { LedgerEvent } from '../../src/ledger/event.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { test as base, tenant, USD } from '../support/ledger/sample.ts'

const WRITERS = 4
const CHANGES = 300

/** Opens a pool of the file's database that is closed after the test. */
const test = base.extend('open', ({ database }, { onCleanup }) => {
  const pools: Sql[] = []
  onCleanup(async () => void (await Promise.all(pools.map((sql) => sql.end()))))
  return (max: number) => {
    const sql = connect(database.appUrl, { max })
    pools.push(sql)
    return sql
  }
})

test('invariant 4: per user, seq, versions and times tell one order, whoever writes', async ({
  open,
  sql,
}) => {
  const published: number[][] = []
  const executors = Array.from({ length: WRITERS }, () => {
    const onCommitted = async ({ events }: { events: { userId: string; seq: number }[] }) => {
      published.push(events.filter(({ userId }) => userId === 'alice').map(({ seq }) => seq))
    }
    return new Executor(open(2), { onCommitted })
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

test('invariant 5: what is handed over for publishing is committed: another session sees it', async ({
  open,
}) => {
  const [writer, other] = [open(1), open(1)]
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

test('the first change to a new account is written, whatever the clock said when it was opened', async ({
  owner,
}) => {
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

test('what a commit tells its process to publish is what the streams keep', async ({ ledger }) => {
  const published: LedgerEvent[] = []
  const telling = new Executor(ledger.sql, {
    onCommitted: async ({ events }) => {
      published.push(...events)
    },
  })
  const say = (command: Partial<Command> & Pick<Command, 'op'>) =>
    telling.execute({ tenant, actor: 'admin', currency: USD, ...command })
  await say({ op: 'adjustment', userId: 'tom', amount: 1_000n })
  await say({ op: 'adjustment', userId: 'una', amount: 1n })
  const watched = { threshold: 500n, direction: 'below', currency: USD } as const
  await ledger.limitsAndAlerts.putMonitor({ tenant, userId: 'tom', ...watched })
  await Promise.all([
    say({ op: 'transfer', userId: 'tom', toUserId: 'una', amount: 600n, traceparent: 'trace' }),
    say({ op: 'payment', userId: 'tom', amount: 401n }),
    say({ op: 'topup_request', userId: 'una', amount: 5n }),
  ])
  const topup = await say({ op: 'topup_request', userId: 'tom', amount: 5n })
  if (!topup.ok) throw new Error(topup.code)
  await say({ op: 'topup_process', transactionId: topup.transaction.id, status: 'failed' })

  const kept = await Promise.all(
    ['tom', 'una'].map((userId) => ledger.store.eventsAfter({ tenant, userId }, 0, 100)),
  )
  expect(kept.map(({ events }) => events.length)).toEqual([7, 4])
  for (const { events } of kept) {
    expect(published.filter(({ userId }) => userId === events[0]?.userId)).toEqual(events)
  }
})
