import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { Command } from '../../src/ledger/command.ts'
import { PostgresEventStore } from '../../src/ledger/event-store.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { CURRENCIES } from '../../src/lib/currencies.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { test } from '../support/fixtures.ts'

const WALLETS = 1_500

/** Rows that a command may look at, of its wallets and of what it names. */
const FEW = 200

const others = [...CURRENCIES.keys()].filter((currency) => currency !== 'USD')

const common = { tenant: 'default', currency: 'USD', actor: 'shop' } as const

/** Rows of tables that the session has read so far. */
async function rowsRead(sql: Sql): Promise<number> {
  const [row] = await sql<{ rows: number }[]>`
    select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::float8 as rows
    from pg_stat_xact_user_tables`
  return row?.rows ?? 0
}

test('plans that were made for an empty ledger are right when it has grown, also where statistics said empty', async ({
  database,
}) => {
  const sql = connect(database.ownerUrl, { max: 1 })
  try {
    await sql`vacuum analyze`
    let executor = new Executor(sql)
    let store = await PostgresEventStore.open(sql)
    const does = async (command: Command) => {
      const outcome = await executor.execute(command)
      if (!outcome.ok) throw new Error(`${command.op}: ${outcome.code}`)
      return outcome.transaction.id
    }
    const give = (userId: string) =>
      does({
        ...common,
        op: 'adjustment',
        actor: 'ada',
        userId,
        amount: 100_000n,
        description: 'x',
      })
    const payment = (userId: string): Command => ({ ...common, op: 'payment', userId, amount: 1n })
    const key = () => ({ idempotencyKey: randomUUID() })
    const hold = (userId: string) =>
      does({ ...common, op: 'hold', userId, amount: 5n, expiresIn: 600 })
    const topup = (userId: string) =>
      does({ ...common, op: 'topup_request', actor: userId, userId, amount: 5n })
    const named = { tenant: 'default', actor: 'ada' } as const
    const kinds: Record<string, (userId: string, other: string) => Promise<unknown>> = {
      payment: (userId) => does(payment(userId)),
      'payment with a key': (userId) => does({ ...payment(userId), ...key() }),
      transfer: (userId, toUserId) =>
        does({ ...common, op: 'transfer', actor: userId, userId, toUserId, amount: 1n }),
      topup: async (userId) =>
        does({
          ...named,
          op: 'topup_process',
          transactionId: await topup(userId),
          status: 'success',
        }),
      hold: async (userId) =>
        does({ ...named, op: 'hold_capture', transactionId: await hold(userId) }),
      refund: async (userId) => {
        const transactionId = await does(payment(userId))
        await does({ ...named, op: 'refund', transactionId })
      },
      'split payment and its refund': async (userId, to) => {
        const transactionId = await does({
          ...payment(userId),
          amount: 100n,
          split: [{ to, share: 1 }],
        })
        await does({ ...named, op: 'refund', transactionId })
      },
      'what a connection begins with': async (userId) => {
        const user = { tenant: 'default', userId }
        await Promise.all([store.balance(user, 'USD'), store.eventsAfter(user, 0, 20)])
      },
      'ten commits of the outbox': async () => {
        const commits = await store.claim(10, 0)
        await store.acknowledge(commits.flatMap(({ outboxId }) => outboxId ?? []))
      },
      'a wallet that is opened': () => give(randomUUID()),
      'an account that is opened': (userId) =>
        does({
          ...{ ...common, op: 'adjustment', actor: 'ada', userId, amount: 1n, description: 'x' },
          currency: others.pop() ?? '',
        }),
      'accounts of payees that are opened': async (userId) => {
        await give(`payee-of-${userId}`)
        const currency = others.pop() ?? ''
        await does({
          ...{ ...common, op: 'adjustment', actor: 'ada', userId, amount: 1n, description: 'x' },
          currency,
        })
        const split = [{ to: `payee-of-${userId}`, share: 1 }]
        await does({ ...payment(userId), currency, split })
      },
    }
    await give('first')
    await give('second')
    // A session's plans are made anew five times, and then kept.
    for (let i = 0; i < 8; i++) for (const act of Object.values(kinds)) await act('first', 'second')
    const users = Array.from({ length: WALLETS }, (_, i) => `user-${i}`)
    await Promise.all(users.map(give))
    await Promise.all(users.map((userId) => does({ ...payment(userId), ...key() })))

    const read = new Map<string, number>()
    await sql.begin(async (tx) => {
      const session = tx as unknown as Sql
      executor = new Executor(session)
      store = await PostgresEventStore.open(session)
      for (const [name, act] of Object.entries(kinds)) {
        const before = await rowsRead(session)
        await act('user-7', 'user-8')
        read.set(name, (await rowsRead(session)) - before)
      }
    })
    expect([...read].filter(([, rows]) => rows > FEW)).toEqual([])
  } finally {
    await sql.end()
  }
})
