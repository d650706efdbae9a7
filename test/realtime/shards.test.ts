import { Redis } from 'ioredis'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import type { UserRef } from '../../src/ledger/event.ts'
import { userKey } from '../../src/lib/identity.ts'
import type { RedisBus, RedisBusOptions } from '../../src/realtime/bus/redis-bus.ts'
import { CLUSTER_SHARDS, Shards, SLOTS, slotOf } from '../../src/realtime/bus/shards.ts'
import { Hub } from '../../src/realtime/stream/hub.ts'
import { describeWithPrivateRedis, eventually, startConfiguredRedis } from '../support/index.ts'
import { Random } from '../support/random.ts'
import { silent } from '../support/realtime/balance-server.ts'
import { FakeLedger } from '../support/realtime/fake-ledger.ts'
import { openRedisBus, SHORT_TIMEOUTS } from '../support/realtime/redis-bus.ts'
import { startStalledProxy } from '../support/realtime/stalled-proxy.ts'

const user = (userId: string, tenant = 'default'): UserRef => ({ tenant, userId })

const users = (count: number) => Array.from({ length: count }, (_, i) => user(`user-${i}`))

test.each([3, 4, 5, 6, 7, 10])(
  '%i primaries have equally many shards and users, within 5 %',
  (primaries) => {
    const shards = new Shards(CLUSTER_SHARDS, true)
    const primaryOf = (tag: string) => Math.floor((slotOf(tag) * primaries) / SLOTS)
    const count = (tags: readonly string[]) => {
      const counts = Array.from({ length: primaries }, () => 0)
      for (const tag of tags) counts[primaryOf(tag)] = (counts[primaryOf(tag)] ?? 0) + 1
      return counts.map((found) => found / (tags.length / primaries))
    }
    const loads = [
      ...count(shards.tags ?? []),
      ...count(users(50_000).map((one) => shards.tagOf(one))),
    ]
    expect(Math.min(...loads)).toBeGreaterThan(0.95)
    expect(Math.max(...loads)).toBeLessThan(1.05)
    expect(new Set(shards.channels).size).toBe(CLUSTER_SHARDS)
  },
)

test('one shard on one Redis has the documented channel, and a user keeps their shard', () => {
  expect(new Shards(1, false).channels).toEqual(['balance:updates'])
  const shards = new Shards(8, false)
  expect(shards.channels[7]).toBe('balance:updates:{7}')
  // The check value of CRC-16/XMODEM.
  expect(slotOf('123456789')).toBe(0x31c3)
  expect(shards.of(user('user-1'))).toBe(slotOf(userKey(user('user-1'))) % 8)
})

describeWithPrivateRedis('users in shards on one Redis', () => {
  const COUNT = 64
  const live = (bus: RedisBus) => eventually(() => expect(bus.link).toEqual({ state: 'live' }))

  async function start() {
    const { port } = await startConfiguredRedis([])
    const url = `redis://127.0.0.1:${port}`
    const ledger = new FakeLedger()
    const admin = new Redis(port)
    onTestFinished(() => admin.disconnect())
    const open = (shards = COUNT, more: Partial<RedisBusOptions> = {}) =>
      openRedisBus(url, ledger, { ...SHORT_TIMEOUTS, shards, ...more })
    return { url, ledger, admin, open }
  }

  test('a process hears of users whom it follows, and of strangers in other shards nothing', async () => {
    const { ledger, admin, open } = await start()
    const [here, there] = [open(), open(COUNT, { keepShardMs: 10 })]
    await Promise.all([live(here), live(there)])
    const received: string[] = []
    there.listen({ message: (text) => received.push(text), link: () => {} })
    const all = users(200)
    const shards = new Shards(COUNT, false)
    const [ann = user('')] = all
    const ofAnn = all.filter((one) => shards.of(one) === shards.of(ann)).length
    const following = there.follow(ann)
    await following.ready
    const publish = () => here.publish(all.flatMap((one) => ledger.change(one, 1n).events))
    await publish()
    await eventually(() => expect(received).toHaveLength(2 * ofAnn))
    // Two follow her; one of them goes.
    const second = there.follow(ann)
    following.release()
    following.release()
    await publish()
    await eventually(() => expect(received).toHaveLength(4 * ofAnn))
    second.release()
    const channel = shards.channelOf(ann)
    await eventually(async () =>
      expect(await admin.pubsub('NUMSUB', channel)).toEqual([channel, 0]),
    )
    await publish()
    const everybody = there.followAll()
    await everybody.ready
    await publish()
    await eventually(() => expect(received).toHaveLength(4 * ofAnn + 400))
  })

  test('a user who is followed while the process still subscribes is heard', async () => {
    const { url, ledger, open } = await start()
    const here = open()
    await live(here)
    const proxy = await startStalledProxy(url)
    const subscriptions = proxy.holdSubscriptions()
    const there = openRedisBus(proxy.url, ledger, { shards: COUNT })
    const received: string[] = []
    there.listen({ message: (text) => received.push(text), link: () => {} })
    await eventually(() => expect(subscriptions.waiting).toBeGreaterThan(0))
    const ann = user('ann')
    const following = there.follow(ann)
    subscriptions.release()
    await following.ready
    await live(there)
    await here.publish(ledger.change(ann, 1n).events)
    await eventually(() => expect(received).toHaveLength(2))
  })

  test('whoever joins and leaves while events are published and connections die, no event is lost', async () => {
    const random = new Random(7)
    const { ledger, admin, open } = await start()
    const [here, there] = [open(), open(COUNT, { keepShardMs: 5 })]
    await Promise.all([live(here), live(there)])
    const hub = new Hub({ bus: there, store: ledger, logger: silent, pollEveryMs: 50 })
    onTestFinished(() => hub.close())
    const all = users(40)
    const joined = new Map<string, { seqs: number[]; leave(): void }>()
    const join = (one: UserRef) => {
      const seqs: number[] = []
      const write = ({ event, payload }: { event: string; payload: object }) => {
        const { seq } = payload as { seq: number }
        if (event === 'balance_initial') seqs.length = 0
        seqs.push(seq)
      }
      const sink = { write, queuedBytes: () => 0, close: () => {} }
      const subscriber = hub.subscribe(one, sink, { currency: 'USD' })
      joined.set(one.userId, { seqs, leave: () => hub.unsubscribe(one, subscriber) })
    }
    for (let round = 0; round < 60; round++) {
      const publishing: Promise<unknown>[] = []
      for (let step = 0; step < 8; step++) {
        const one = random.pick(all)
        const member = joined.get(one.userId)
        if (random.next() < 0.5) {
          const { events } = ledger.change(one, 1n)
          // What is not published now, the sweep of a real outbox would publish. Here the next event shows the hole.
          publishing.push(here.publish(events).catch(() => {}))
        } else if (member) {
          member.leave()
          joined.delete(one.userId)
        } else {
          join(one)
        }
      }
      if (round % 20 === 10) await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await Promise.all(publishing)
    }
    for (const one of all) if (!joined.has(one.userId)) join(one)
    await Promise.all([live(here), live(there)])
    const last = all.map((one) => ledger.change(one, 1n))
    await here.publish(last.flatMap(({ events }) => events))
    await eventually(() => {
      for (const [i, one] of all.entries()) {
        const seqs = joined.get(one.userId)?.seqs ?? []
        const head = last[i]?.events.at(-1)?.seq ?? 0
        expect(seqs.at(-1)).toBe(head)
        const [first = 0] = seqs
        expect(seqs).toEqual(seqs.map((_, step) => first + step))
      }
    })
  })

  test('a process with another number of shards publishes nothing, says why, and is let in once the others are gone', async () => {
    const { ledger, admin, open } = await start()
    const first = open()
    await live(first)
    const lines: Record<string, unknown>[] = []
    const write = (line: string) => void lines.push(JSON.parse(line))
    const other = open(8, { logger: pino({ level: 'warn' }, { write }) })
    await eventually(() =>
      expect(other.link.reason).toMatch(/different numbers of shards \(SHARDS\)/),
    )
    expect(other.reachable).toBe(false)
    await expect(other.publish(ledger.change(user('ann'), 1n).events)).rejects.toThrow()
    expect(await other.cachedBalance(user('ann'), 'USD')).toBeNull()
    expect(lines).toEqual([
      expect.objectContaining({
        redis: expect.stringContaining('there are 64 shards, and not 8'),
        check: expect.stringContaining('FAN_OUT_SHARDS'),
      }),
    ])
    expect(first.link).toEqual({ state: 'live' })
    await first.close()
    expect(await admin.ttl('livebalance:shards')).toBeGreaterThan(50)
    // As if that time had passed.
    await admin.del('livebalance:shards')
    await live(other)
    await other.publish(ledger.change(user('ann'), 1n).events)
  })
})
