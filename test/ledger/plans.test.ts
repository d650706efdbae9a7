import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { Command } from '../../src/ledger/command.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { test } from '../support/fixtures.ts'
import { rowsRead } from '../support/ledger/rows-read.ts'

const WALLETS = 1_500

/** Rows that a command may look at, of its wallets and of what it names. */
const FEW = 200

const common = { tenant: 'default', currency: 'USD', actor: 'shop' } as const

test('a payment, with a key too, and a transfer find their rows by plans that were made for a ledger known to be empty', async ({
  database,
}) => {
  const sql = connect(database.ownerUrl, { max: 1 })
  try {
    await sql`vacuum analyze`
    let executor = new Executor(sql)
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
    const kinds: Record<string, (userId: string, other: string) => Promise<unknown>> = {
      payment: (userId) => does(payment(userId)),
      'payment with a key': (userId) => does({ ...payment(userId), ...key() }),
      transfer: (userId, toUserId) =>
        does({ ...common, op: 'transfer', actor: userId, userId, toUserId, amount: 1n }),
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
