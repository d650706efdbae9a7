import { randomUUID } from 'node:crypto'
import { describe, expect } from 'vitest'
import type { LedgerEvent, UserRef } from '../../src/ledger/event.ts'
import {
  type ChangeLog,
  type EventStore,
  type HoldStore,
  type OutboxStore,
  PostgresEventStore,
} from '../../src/ledger/event-store.ts'
import { Executor } from '../../src/ledger/executor.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { test as base } from '../support/fixtures.ts'
import { FakeLedger } from '../support/realtime/fake-ledger.ts'

interface Opened {
  store: EventStore & HoldStore & OutboxStore & ChangeLog
  /** Commits one balance change, in minor units. */
  change(user: UserRef, amount: bigint): Promise<unknown>
  /** The service opens a hold of 1.00 for a new user and tries to capture more, so that it is told. */
  exhaust(service: UserRef): Promise<unknown>
}

const test = base
  .extend('real', { scope: 'file' }, async ({ sql }): Promise<Opened> => {
    const executor = new Executor(sql)
    return {
      store: await PostgresEventStore.open(sql),
      change: ({ tenant, userId }, amount) =>
        executor.execute({
          ...{ op: 'adjustment', actor: 'admin', tenant, userId, amount },
          ...{ currency: 'USD', description: 'test' },
        }),
      async exhaust({ tenant, userId: actor }) {
        const named = { tenant, userId: randomUUID(), currency: 'USD', actor }
        await executor.execute({ ...named, op: 'adjustment', actor: 'admin', amount: 100n })
        const held = await executor.execute({ ...named, op: 'hold', amount: 100n, expiresIn: 600 })
        if (!held.ok) throw new Error(held.code)
        const transactionId = held.transaction.id
        const { userId: _, ...more } = named
        await executor.execute({
          ...more,
          op: 'hold_capture',
          transactionId,
          amount: 101n,
          final: false,
        })
      },
    }
  })
  .extend('fake', { scope: 'file' }, async ({}): Promise<Opened> => {
    const store = new FakeLedger()
    return {
      store,
      change: async (user, amount) => store.change(user, amount),
      async exhaust({ tenant, userId: service }) {
        store.told.push({
          ...{ event: 'hold_exhausted', tenant, userId: randomUUID(), seq: 3, currency: 'USD' },
          ...{ newBalance: 100n, transactionId: randomUUID(), transactionType: 'hold' },
          ...{ status: 'pending', amount: -100n, timestamp: new Date().toISOString(), service },
        } as LedgerEvent)
      },
    }
  })

const newUser = (): UserRef => ({ tenant: 'default', userId: randomUUID() })

/** The ledger in memory, on which the tests of streams run, keeps the promises of the real one. */
describe.each(['real', 'fake'] as const)('the event store (%s)', (name) => {
  test('knows a user without a wallet as zero', async ({ real, fake }) => {
    const { store } = { real, fake }[name]
    const user = newUser()
    expect(await store.balance(user, 'USD')).toMatchObject({ balance: 0n, seq: 0, currency: 'USD' })
    expect(await store.eventsAfter(user, 0, 10)).toEqual({ head: 0, events: [] })
    expect(await store.heads([user])).toEqual([0])
  })

  test('has events 1, 2, 3 … up to the head, page by page', async ({ real, fake }) => {
    const { store, change } = { real, fake }[name]
    const user = newUser()
    for (const amount of [100n, 200n, 300n]) await change(user, amount)
    const { balance, seq } = await store.balance(user, 'USD')
    expect(balance).toBe(600n)
    const { head, events } = await store.eventsAfter(user, 0, 100)
    expect(head).toBe(seq)
    expect(events.map((event) => event.seq)).toEqual(Array.from({ length: head }, (_, i) => i + 1))
    expect(events.at(-1)).toMatchObject({ ...user, currency: 'USD', newBalance: 600n })
    const page = await store.eventsAfter(user, 1, 2)
    expect(page).toEqual({ head, events: events.slice(1, 3) })
    expect(await store.eventsAfter(user, head, 2)).toEqual({ head, events: [] })
  })

  test('tells a service of each of its holds once, page by page', async ({ real, fake }) => {
    const { store, exhaust } = { real, fake }[name]
    const [service, other] = [newUser(), newUser()]
    for (const of of [service, other, service, service, service]) await exhaust(of)
    const told: LedgerEvent[] = []
    for (let cursor: string | null = null; ; ) {
      const page = await store.toldHolds(service, cursor, 2)
      expect(page.events.length).toBeLessThanOrEqual(2)
      told.push(...page.events)
      if (page.next === null) break
      cursor = page.next
    }
    expect(new Set(told.map(({ transactionId }) => transactionId)).size).toBe(4)
    expect(told).toHaveLength(4)
    for (const event of told) {
      expect(event).toMatchObject({
        ...{ event: 'hold_exhausted', tenant: 'default', service: service.userId },
        ...{ transactionType: 'hold', status: 'pending' },
      })
    }
    expect(await store.toldHolds(newUser(), null, 2)).toEqual({ events: [], next: null })
  })

  test('answers heads in the order asked', async ({ real, fake }) => {
    const { store, change } = { real, fake }[name]
    const [one, other, unknown] = [newUser(), newUser(), newUser()]
    await change(one, 100n)
    await change(other, 100n)
    await change(other, 100n)
    const [first = 0, none, last = 0] = await store.heads([one, unknown, other])
    expect(none).toBe(0)
    expect(first).toBeGreaterThan(0)
    expect(last).toBe(2 * first)
  })

  test('hands each row of the outbox to one claimer, until it is acknowledged', async ({
    real,
    fake,
  }) => {
    const { store, change } = { real, fake }[name]
    const user = newUser()
    await change(user, 100n)
    const { events } = await store.eventsAfter(user, 0, 100)
    const claimed = await store.claim(1000, 0)
    expect(claimed.flatMap((row) => row.events)).toEqual(expect.arrayContaining(events))
    expect(await store.claim(1000, 60_000)).toEqual([])
    await store.acknowledge(claimed.map(({ outboxId }) => outboxId))
    await store.acknowledge(['999999999'])
    expect(await store.claim(1000, 0)).toEqual([])
  })

  test('lists each wallet that changed once, page by page', async ({ real, fake }) => {
    const { store, change } = { real, fake }[name]
    const users = [newUser(), newUser(), newUser()]
    for (const user of users) await change(user, 100n)
    const found: string[] = []
    let cursor: string | null = null
    do {
      const page: Awaited<ReturnType<ChangeLog['changedWithin']>> = await store.changedWithin(
        ...([60, cursor, 2] as const),
      )
      found.push(...page.wallets.map(({ userId }) => userId))
      cursor = page.next
    } while (cursor !== null)
    expect(found).toEqual([...new Set(found)])
    expect(found).toEqual(expect.arrayContaining(users.map(({ userId }) => userId)))
  })
})

test('of the wallets changed lately, a page looks at no more than it may', async ({ real }) => {
  for (let i = 0; i < 5; i++) await real.change(newUser(), 100n)
  let pages = 0
  for (let cursor: string | null = null; ; pages++) {
    const page = await real.store.changedWithin(0, cursor, 2)
    expect(page.wallets).toEqual([])
    cursor = page.next
    if (cursor === null) break
  }
  expect(pages).toBeGreaterThanOrEqual(2)
})

describe('a storm of connections', () => {
  test('two statements read the balances and the histories of two hundred', async ({
    real,
    sql,
  }) => {
    const users = Array.from({ length: 200 }, newUser)
    for (const user of users.slice(0, 100)) await real.change(user, 100n)
    const counted = counting(sql)
    const store = await PostgresEventStore.open(counted.sql)
    const before = counted.statements
    const found = await Promise.all(
      users.map(async (user, i) => {
        const [{ balance, seq }, page] = await Promise.all([
          store.balance(user, i % 3 === 0 ? 'EUR' : 'USD'),
          store.eventsAfter(user, 1, 20),
        ])
        return { balance, seq, page }
      }),
    )
    // A user without a wallet costs three more: it is looked for again, opened and read.
    expect(counted.statements - before).toBe(2 + 3 * 100)
    for (const [i, { balance, seq, page }] of found.entries()) {
      const known = i < 100
      expect([balance, seq]).toEqual([known && i % 3 !== 0 ? 100n : 0n, known ? 2 : 0])
      expect(page.head).toBe(seq)
      expect(page.events.map((event) => [event.userId, event.seq])).toEqual(
        known ? [[users[i]?.userId, 2]] : [],
      )
    }
  })

  test('a wallet that a transaction has just opened, and not committed, keeps nobody else waiting', async ({
    real,
    owner,
  }) => {
    const [locked, other, fresh] = [newUser(), newUser(), newUser()]
    await real.change(other, 100n)
    let waiting: Promise<unknown> | undefined
    await owner
      .begin(async (tx) => {
        await tx`select open_wallet(${locked.tenant}, ${locked.userId})`
        waiting = real.store.balance(locked, 'USD')
        const balances = [other, fresh].map((user) => real.store.balance(user, 'USD'))
        expect(await Promise.all(balances)).toMatchObject([{ balance: 100n }, { balance: 0n }])
        expect(await real.store.balance(other, 'USD')).toMatchObject({ balance: 100n })
        throw new Error('taken back')
      })
      .catch(() => {})
    expect(await waiting).toMatchObject({ balance: 0n })
  })

  test('long pages are read in parts, so that no answer grows without bound', async ({
    real,
    sql,
  }) => {
    const users = Array.from({ length: 41 }, newUser)
    const counted = counting(sql)
    const store = await PostgresEventStore.open(counted.sql)
    const before = counted.statements
    for (const user of users.slice(0, 2)) await real.change(user, 100n)
    const pages = await Promise.all(users.map((user) => store.eventsAfter(user, 0, 200)))
    expect(counted.statements - before).toBe(3)
    expect(pages.map(({ head }) => head)).toEqual([2, 2, ...Array(39).fill(0)])
  })
})

/** The same sessions, with a count of the statements that were sent. */
function counting(sql: Sql) {
  const counted = {
    statements: 0,
    sql: new Proxy(sql, {
      apply(target, self, args) {
        const query = Reflect.apply(target, self, args)
        // biome-ignore lint/suspicious/noThenProperty: a fragment is never awaited, a statement is
        query.then = (...handlers: Parameters<typeof query.then>) => {
          counted.statements += 1
          return Object.getPrototypeOf(query).then.apply(query, handlers)
        }
        return query
      },
    }),
  }
  return counted
}
