import type { Redis } from 'ioredis'
import { expect, onTestFinished, vi } from 'vitest'
import { sleep } from '../../src/lib/timeout.ts'
import { RedisBus } from '../../src/realtime/bus/redis-bus.ts'
import { Outbox } from '../../src/realtime/outbox.ts'
import { describeWithPrivateRedis, eventually, type PrivateRedis } from '../support/index.ts'
import { silent } from '../support/realtime/balance-server.ts'
import { ALICE, FakeLedger } from '../support/realtime/fake-ledger.ts'
import { test } from '../support/realtime/private-redis.ts'

describeWithPrivateRedis('a cache that missed something', () => {
  let redis: PrivateRedis
  let admin: Redis
  test.beforeAll(({ redis: started, admin: connected }) => {
    redis = started
    admin = connected
  })
  test.beforeEach(() => admin.flushall())

  /** A bus that believes its cache. */
  async function openBus(ledger: FakeLedger): Promise<RedisBus> {
    const bus = new RedisBus({
      ...{ url: redis.url, epoch: ledger.epoch, currency: 'USD', changes: ledger, logger: silent },
      ...{ commandTimeoutMs: 300, probeAfterMs: 200 },
    })
    onTestFinished(() => bus.close())
    const probe = { ...ALICE, userId: 'probe' }
    await eventually(async () => {
      await bus.fill(probe, 'USD', 0n, 0)
      expect(await bus.cachedBalance(probe, 'USD')).toBe('0')
    })
    return bus
  }

  const cached = (bus: RedisBus) => bus.cachedBalance(ALICE, 'USD')

  /** A process that has published, and cached, that Alice has 1. */
  async function warm() {
    const ledger = new FakeLedger()
    const bus = await openBus(ledger)
    await bus.publish(ledger.change(ALICE, 100n).events)
    expect(await cached(bus)).toBe('1')
    return { ledger, bus }
  }

  /** The first that is believed again. */
  async function nextCached(bus: RedisBus): Promise<string> {
    for (;;) {
      const balance = await cached(bus)
      if (balance !== null) return balance
      await sleep(1)
    }
  }

  test('one that a paused Redis kept is corrected before it is believed', async () => {
    const { ledger, bus } = await warm()
    const changed = vi.spyOn(ledger, 'changedWithin')
    redis.pause()
    try {
      await eventually(() => expect(bus.reachable).toBe(false))
      ledger.change(ALICE, 400n)
      expect(await cached(bus)).toBeNull()
    } finally {
      redis.resume()
    }
    expect(await nextCached(bus)).toBe('5')
    // Not all of the hour that a balance is cached: Redis has what it took before.
    expect(changed.mock.lastCall?.[0]).toBeLessThan(120)
  })

  test('one that refuses a write is not believed until it takes one', async () => {
    const { ledger, bus } = await warm()
    await admin.config('SET', 'min-replicas-to-write', '1')
    try {
      const { events } = ledger.change(ALICE, 400n)
      await expect(bus.publish(events)).rejects.toThrow('NOREPLICAS')
      expect(await cached(bus)).toBeNull()
    } finally {
      await admin.config('SET', 'min-replicas-to-write', '0')
    }
    expect(await nextCached(bus)).toBe('5')
  })

  test('what Redis brought back of old is corrected before it is believed', async () => {
    const ledger = new FakeLedger()
    ledger.change(ALICE, 500n)
    const key = `balance:user:${ALICE.userId}`
    await admin.mset('livebalance:owner', `${ledger.epoch}:USD`, key, '1')
    await admin.set('livebalance:version:USD:default:alice', `${ledger.epoch}:1`)
    expect(await nextCached(await openBus(ledger))).toBe('5')
    // And one that belonged to another database is not believed at all.
    await admin.set('livebalance:owner', 'e0:USD')
    await admin.set('balance:user:bob', '77')
    await openBus(ledger)
    await eventually(async () => expect(await admin.get('balance:user:bob')).toBeNull())
  })

  test('what came while Redis was away is swept into no empty cache, where it may be older than what was told', async () => {
    const ledger = new FakeLedger()
    const bus = await openBus(ledger)
    ledger.change(ALICE, 100n)
    // The ledger went on meanwhile, and that is not published yet.
    const claimed = ledger.claim.bind(ledger)
    ledger.claim = async (limit, olderThanMs) => {
      const rows = await claimed(limit, olderThanMs)
      ledger.claim = claimed
      ledger.change(ALICE, 400n)
      return rows
    }
    const outbox = new Outbox({
      bus,
      store: ledger,
      logger: silent,
      sweepEveryMs: 10,
      leftOverAfterMs: 0,
    })
    onTestFinished(() => outbox.close())
    const seen = new Set<string | null>()
    await eventually(async () => {
      seen.add(await cached(bus))
      expect(ledger.outbox.size).toBe(0)
    })
    expect(seen).toEqual(new Set([null]))
  })
})
