import { expect, onTestFinished, vi } from 'vitest'
import type { Committed } from '../../src/ledger/command.ts'
import { oneStore } from '../../src/ledger/event-stores.ts'
import type { RedisBus } from '../../src/realtime/bus/redis-bus.ts'
import { EventPages } from '../../src/realtime/stream/event-pages.ts'
import { Hub } from '../../src/realtime/stream/hub.ts'
import { describeWithPrivateRedis, eventually, type PrivateRedis } from '../support/index.ts'
import {
  connectBy,
  silent,
  startServer,
  TRANSPORTS,
  tokenOf,
} from '../support/realtime/balance-server.ts'
import { ALICE, FakeLedger } from '../support/realtime/fake-ledger.ts'
import { test } from '../support/realtime/private-redis.ts'
import { openRedisBus, SHORT_TIMEOUTS } from '../support/realtime/redis-bus.ts'

function newLedger(): FakeLedger {
  return Object.assign(new FakeLedger(), { epoch: 'e2' })
}

const KEY = 'livebalance:events:e2:default:alice'

describeWithPrivateRedis('the last events of a user in Redis', () => {
  test.beforeEach(({ admin }) => admin.flushall())

  /** A bus whose content was compared with the ledger. */
  async function openBus(redis: PrivateRedis, ledger: FakeLedger, history = 64): Promise<RedisBus> {
    const bus = openRedisBus(redis.url, ledger, { ...SHORT_TIMEOUTS, history })
    const probe = { ...ALICE, userId: 'probe' }
    await eventually(async () => {
      await bus.fill(probe, 'USD', 0n, 0)
      expect(await bus.cachedBalance(probe, 'USD')).toBe('0')
      expect(bus.link.state).toBe('live')
    })
    return bus
  }

  const recent = (bus: RedisBus, after?: number) =>
    bus.recentEvents({ user: ALICE, currency: 'USD', after })
  const seqsAfter = async (bus: RedisBus, after: number) =>
    (await recent(bus, after))?.messages.map((message) => JSON.parse(message).seq)

  test('has what follows a seq, in order, with the balance, up to its length', async ({
    redis,
    admin,
  }) => {
    const ledger = newLedger()
    const bus = await openBus(redis, ledger, 5)
    expect(await recent(bus)).toBeNull()
    for (let i = 0; i < 4; i++) await bus.publish(ledger.change(ALICE, 100n).events)
    expect(await recent(bus)).toEqual({ head: 8, messages: [], balance: '4' })
    expect(await seqsAfter(bus, 8)).toEqual([])
    expect(await seqsAfter(bus, 3)).toEqual([4, 5, 6, 7, 8])
    // Older events are not kept, and a client that is ahead is not answered from here.
    expect(await recent(bus, 2)).toBeNull()
    expect(await recent(bus, 9)).toBeNull()
    expect(await admin.ttl(KEY)).toBeGreaterThan(3000)
    // A repeat changes nothing, and users do not mix.
    const { events } = ledger.change(ALICE, 100n)
    await bus.publish([...events, ...ledger.change({ ...ALICE, userId: 'bob' }, 700n).events])
    await bus.publish(events, true)
    expect(await seqsAfter(bus, 5)).toEqual([6, 7, 8, 9, 10])
    expect(await recent(bus)).toMatchObject({ balance: '5' })
  })

  test('whatever the order of publishing, no gap and no repeat is served', async ({ redis }) => {
    const ledger = newLedger()
    const bus = await openBus(redis, ledger)
    const commits: Committed[] = []
    for (let i = 0; i < 6; i++) commits.push(ledger.change(ALICE, 100n))
    const [first, second, third, fourth, fifth, sixth] = commits.map(({ events }) => events)
    await bus.publish(first ?? [])
    await bus.publish(third ?? [])
    // The list began anew after the gap.
    expect(await recent(bus, 2)).toBeNull()
    expect(await seqsAfter(bus, 4)).toEqual([5, 6])
    await bus.publish(second ?? [])
    expect(await seqsAfter(bus, 4)).toEqual([5, 6])
    await bus.publish([...(fifth ?? []), ...(fourth ?? [])])
    expect(await seqsAfter(bus, 8)).toEqual([9, 10])
    await bus.publish(sixth ?? [], true)
    expect(await seqsAfter(bus, 8)).toEqual([9, 10, 11, 12])
  })

  test('events that are swept late begin no list: newer ones may have been published before', async ({
    redis,
    admin,
  }) => {
    const ledger = newLedger()
    const bus = await openBus(redis, ledger)
    const early = ledger.change(ALICE, 100n)
    await bus.publish(ledger.change(ALICE, 100n).events)
    await admin.del(KEY)
    await bus.publish(early.events, true)
    expect(await recent(bus)).toBeNull()
  })

  test('a list that missed events while Redis did not take them is not served', async ({
    redis,
    admin,
  }) => {
    const ledger = newLedger()
    const bus = await openBus(redis, ledger)
    await bus.publish(ledger.change(ALICE, 100n).events)
    expect(await seqsAfter(bus, 1)).toEqual([2])
    // An event that moves no balance is missed, too.
    await admin.config('SET', 'min-replicas-to-write', '1')
    try {
      const missed = ledger.change(ALICE, 0n, 'transaction_failed')
      await expect(bus.publish(missed.events)).rejects.toThrow('NOREPLICAS')
      expect(await recent(bus, 1)).toBeNull()
    } finally {
      await admin.config('SET', 'min-replicas-to-write', '0')
    }
    await eventually(async () => expect(await bus.cachedBalance(ALICE, 'USD')).toBe('1'))
    expect(await recent(bus, 1)).toBeNull()
    await eventually(() => expect(bus.link.state).toBe('live'))
    expect(await recent(bus, 1)).toBeNull()
    await bus.publish(ledger.change(ALICE, 100n).events)
    expect(await seqsAfter(bus, 3)).toEqual([4, 5])
  })

  test('a list that Redis restored from old data is dropped before a new process uses it', async ({
    redis,
    admin,
  }) => {
    const ledger = newLedger()
    const bus = await openBus(redis, ledger)
    await bus.publish(ledger.change(ALICE, 100n).events)
    const old = await admin.lrange(KEY, 0, -1)
    await bus.publish(ledger.change(ALICE, 100n).events)
    await admin.del(KEY)
    await admin.rpush(KEY, ...old)
    const other = await openBus(redis, ledger)
    expect(await recent(other, 1)).toBeNull()
  })

  test('clients on every transport that connect again within it ask the ledger nothing', async ({
    redis,
    admin,
  }) => {
    const ledger = newLedger()
    const bus = await openBus(redis, ledger)
    const server = await startServer({ bus, ledger, logger: silent })
    await eventually(() => expect(server.gateway.health.state).toBe('live'))
    for (let i = 0; i < 3; i++) await server.change(ALICE, 100n)
    const token = await tokenOf(ALICE)
    // The outbox reads the ledger, too.
    const asked = [vi.spyOn(ledger, 'balance'), vi.spyOn(ledger, 'eventsAfter')]
    const resume = (transport: keyof typeof connectBy, seq: number) =>
      connectBy[transport](server.url, token, { lastEventId: `${ledger.epoch}:${seq}` })
    const clients = TRANSPORTS.map((transport) => resume(transport, 3))
    await eventually(() => {
      for (const client of clients) expect(client.seqs()).toEqual([4, 5, 6])
    })
    for (const { received } of clients) {
      expect(received[0]).toMatchObject({
        event: 'balance_initial',
        data: { balance: 3, recovered: true, replay: 3 },
      })
    }
    for (const call of asked) expect(call).not.toHaveBeenCalled()
    expect(server.gateway.meter.startsFromBus).toBe(clients.length)
    // What is committed from now on follows without a gap.
    await server.change(ALICE, 100n)
    await eventually(() => {
      for (const client of clients) expect(client.seqs()).toEqual([4, 5, 6, 7, 8])
    })
    // A client that was away for longer gets every event from the ledger.
    await admin.del(KEY)
    const late = resume('SSE', 0)
    await eventually(() => expect(late.seqs()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]))
    expect(asked[1]).toHaveBeenCalled()
  })

  test('an event that is published while a client resumes is not missed', async ({ redis }) => {
    const ledger = newLedger()
    const bus = await openBus(redis, ledger)
    const hub = new Hub({ bus, store: ledger, logger: silent })
    onTestFinished(() => hub.close())
    await eventually(() => expect(hub.health.state).toBe('live'))
    await bus.publish(ledger.change(ALICE, 100n).events)
    const read = bus.recentEvents.bind(bus)
    bus.recentEvents = async (query) => {
      const answer = await read(query)
      await bus.publish(ledger.change(ALICE, 100n).events)
      return answer
    }
    const seqs: number[] = []
    const sink = {
      write: (frame: object) => void ('seq' in frame && seqs.push(frame.seq as number)),
      queuedBytes: () => 0,
      close: () => {},
    }
    hub.subscribe(ALICE, sink, { currency: 'USD', lastEventId: 'e2:1' })
    await eventually(() => expect(seqs).toEqual([2, 3, 4]))
  })

  test('pages of events come from it while it has them, and text that is no event is not passed on', async ({
    redis,
    admin,
  }) => {
    const ledger = newLedger()
    const bus = await openBus(redis, ledger)
    const hub = new Hub({ bus, store: ledger, logger: silent })
    onTestFinished(() => hub.close())
    const pages = new EventPages({
      ...{ bus, stores: oneStore(ledger), hub, currency: 'USD' },
      draining: () => false,
    })
    for (let i = 0; i < 3; i++) await bus.publish(ledger.change(ALICE, 100n).events)
    const seqs = ({ events }: { events: { seq: number }[] }) => events.map(({ seq }) => seq)
    await eventually(() => expect(hub.health.state).toBe('live'))
    const asked = vi.spyOn(ledger, 'eventsAfter')
    expect(seqs(await pages.after(ALICE, 'e2:2', 3))).toEqual([3, 4, 5])
    expect(seqs(await pages.before(ALICE, 'e2:6', 2))).toEqual([5, 4])
    expect(seqs(await pages.before(ALICE, undefined, 3))).toEqual([6, 5, 4])
    expect(asked).not.toHaveBeenCalled()
    await admin.lset(KEY, -2, '5 {"event":"balance_updated","balance":1000000}')
    expect(seqs(await pages.after(ALICE, 'e2:2', 3))).toEqual([3, 4, 5])
    expect(asked).toHaveBeenCalledOnce()
  })

  test('with a length of 0 nothing is kept', async ({ redis, admin }) => {
    const ledger = newLedger()
    const bus = await openBus(redis, ledger, 0)
    await bus.publish(ledger.change(ALICE, 100n).events)
    expect(await bus.cachedBalance(ALICE, 'USD')).toBe('1')
    expect(await recent(bus)).toBeNull()
    expect(await admin.exists(KEY)).toBe(0)
  })
})
