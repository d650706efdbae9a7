import fc from 'fast-check'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { Deliverer } from '../../src/deliveries/deliverer.ts'
import type { Answer, DeliveryStore, Result, Sink, Waiting } from '../../src/deliveries/delivery.ts'
import type { LedgerEvent } from '../../src/ledger/event.ts'
import { eventually } from '../support/index.ts'

/** A user at the target `shop`, and the answers to the deliveries to come. Then every delivery is accepted. */
interface User {
  userId: string
  acked: number
  last: number
  answers: ('accepts' | 'refuses' | 'loses one' | 'is one ahead')[]
}

const event = (userId: string, seq: number): LedgerEvent => ({
  ...{ tenant: 'default', userId, seq, event: 'balance_updated', currency: 'USD' },
  ...{ timestamp: '', newBalance: 0n },
})

/** Cursors in memory, and a receiver that writes down what it accepted. */
class World implements DeliveryStore<string>, Sink<string> {
  readonly users: Map<string, User & { free: boolean; since: number }>
  readonly accepted = new Map<string, number[]>()
  readonly under = new Set<string>()
  overlaps = 0
  leapt = 0

  constructor(users: readonly User[]) {
    this.users = new Map(
      users.map((user) => [
        user.userId,
        { ...user, free: true, since: 0, answers: [...user.answers] },
      ]),
    )
  }

  async claim(free: number): Promise<Waiting<string>[]> {
    const due = [...this.users.values()].filter((user) => user.free && user.acked < user.last)
    return due.slice(0, free).map((user) => {
      user.free = false
      const count = Math.min(3, user.last - user.acked)
      return {
        ...{ tenant: 'default', userId: user.userId, target: 'shop', targetId: 'shop' },
        receiver: 'shop',
        ...{ walletId: user.userId, ackedSeq: user.acked, lastSeq: user.last, attempts: 0 },
        failingMs: 0,
        events: Array.from({ length: count }, (_, i) => event(user.userId, user.acked + 1 + i)),
      }
    })
  }

  async record({ walletId, ackedSeq, outcome }: Result): Promise<boolean> {
    const user = this.users.get(walletId)
    if (!user) throw new Error('nobody')
    user.acked = ackedSeq
    if (outcome !== 'underway') user.free = true
    return true
  }

  async retire(): Promise<void> {}

  wants = () => true

  async send(_: string, delivery: Parameters<Sink<string>['send']>[1]): Promise<Answer> {
    if (delivery.kind !== 'event') throw new Error('nothing was deleted')
    const { userId, seq } = delivery.event
    const user = this.users.get(userId)
    if (this.under.has(userId)) this.overlaps += 1
    this.under.add(userId)
    await Promise.resolve()
    this.under.delete(userId)
    const has = this.accepted.get(userId) ?? []
    this.accepted.set(userId, has)
    const newest = has.at(-1) ?? 0
    if (seq > newest + 1) this.leapt += 1
    const answer = user?.answers.shift() ?? 'accepts'
    const base = { status: 200, error: null, durationMs: 0 }
    if (answer === 'refuses') return { ...base, delivered: false, status: 500 }
    if (seq > newest) has.push(seq)
    if (answer === 'loses one' && has.length > 0) {
      has.pop()
      return { ...base, delivered: true, haveSeq: has.at(-1) ?? 0 }
    }
    if (answer === 'is one ahead' && user && seq < user.last && seq === has.at(-1)) {
      has.push(seq + 1)
      return { ...base, delivered: true, haveSeq: seq + 1 }
    }
    return { ...base, delivered: true }
  }
}

const user = fc.record({
  last: fc.integer({ min: 0, max: 12 }),
  answers: fc.array(
    fc.constantFrom(...(['accepts', 'accepts', 'refuses', 'loses one', 'is one ahead'] as const)),
    { maxLength: 12 },
  ),
})

test('whatever receivers answer, each user’s events are accepted one after another, to the last', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(user, { minLength: 1, maxLength: 6 }), async (drawn) => {
      const users = drawn.map((one, i) => ({ ...one, userId: `user-${i}`, acked: 0 }))
      const world = new World(users)
      const deliverer = new Deliverer({
        ...{ store: world, sink: world, log: pino({ level: 'silent' }), name: 'test' },
        ...{ meter: { attempted() {}, setAside() {} }, firstRetryMs: 0, pollEveryMs: 1 },
        pauseMs: 0,
        perReceiver: 1,
      })
      deliverer.start()
      await eventually(() => {
        for (const { userId, last } of users) {
          expect(world.accepted.get(userId) ?? []).toEqual(
            Array.from({ length: last }, (_, i) => i + 1),
          )
        }
      })
      await deliverer.stop()
      expect([world.overlaps, world.leapt]).toEqual([0, 0])
    }),
    { numRuns: 40 },
  )
})
