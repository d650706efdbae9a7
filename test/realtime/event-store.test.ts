import { randomUUID } from 'node:crypto'
import { describe, expect } from 'vitest'
import type { UserRef } from '../../src/ledger/event.ts'
import {
  type ChangeLog,
  type EventStore,
  type OutboxStore,
  PostgresEventStore,
} from '../../src/ledger/event-store.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { test as base } from '../support/fixtures.ts'
import { FakeLedger } from '../support/realtime/fake-ledger.ts'

interface Opened {
  store: EventStore & OutboxStore & ChangeLog
  /** Commits one balance change, in minor units. */
  change(user: UserRef, amount: bigint): Promise<unknown>
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
    }
  })
  .extend('fake', { scope: 'file' }, async ({}): Promise<Opened> => {
    const store = new FakeLedger()
    return { store, change: async (user, amount) => store.change(user, amount) }
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
