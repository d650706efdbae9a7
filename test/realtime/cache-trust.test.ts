import { expect, onTestFinished, vi } from 'vitest'
import { sleep } from '../../src/lib/timeout.ts'
import type { RedisBus } from '../../src/realtime/bus/redis-bus.ts'
import { Outbox } from '../../src/realtime/outbox.ts'
import { describeWithPrivateRedis, eventually, type PrivateRedis } from '../support/index.ts'
import { silent } from '../support/realtime/balance-server.ts'
import { ALICE, FakeLedger } from '../support/realtime/fake-ledger.ts'
import { test } from '../support/realtime/private-redis.ts'
import { openRedisBus, SHORT_TIMEOUTS } from '../support/realtime/redis-bus.ts'

describeWithPrivateRedis('a cache that missed something', () => {
  test.beforeEach(({ admin }) => admin.flushall())

  /** A bus whose cache is valid. */
  async function openBus(redis: PrivateRedis, ledger: FakeLedger): Promise<RedisBus> {
    const bus = openRedisBus(redis.url, ledger, SHORT_TIMEOUTS)
    const probe = { ...ALICE, userId: 'probe' }
    await eventually(async () => {
      await bus.fill(probe, 'USD', 0n, 0)
      expect(await bus.cachedBalance(probe, 'USD')).toBe('0')
    })
    return bus
  }

  const cached = (bus: RedisBus) => bus.cachedBalance(ALICE, 'USD')

  /** A process that has published, and cached, that Alice has 1. */
  async function warm(redis: PrivateRedis) {
    const ledger = new FakeLedger()
    const bus = await openBus(redis, ledger)
    await bus.publish(ledger.change(ALICE, 100n).events)
    expect(await cached(bus)).toBe('1')
    return { ledger, bus }
  }

  /** The first balance that the cache returns once it is valid again. */
  async function nextCached(bus: RedisBus): Promise<string> {
    for (;;) {
      const balance = await cached(bus)
      if (balance !== null) return balance
      // Polls faster than `eventually`, so that the first value is seen.
      await sleep(1)
    }
  }

  test('an entry that a paused Redis kept is corrected before it is used', async ({ redis }) => {
    const { ledger, bus } = await warm(redis)
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
    // Less than the hour that a balance is cached: Redis kept the earlier balances.
    expect(changed.mock.lastCall?.[0]).toBeLessThan(120)
  })

  test('a cache that refuses a write is not used until it accepts one', async ({
    redis,
    admin,
  }) => {
    const { ledger, bus } = await warm(redis)
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

  test('old data that Redis restored is corrected before it is used', async ({ redis, admin }) => {
    const ledger = new FakeLedger()
    ledger.change(ALICE, 500n)
    const key = `balance:user:${ALICE.userId}`
    await admin.mset('livebalance:owner', `${ledger.epoch}:USD`, key, '1')
    await admin.set('livebalance:version:USD:default:alice', `${ledger.epoch}:1`)
    expect(await nextCached(await openBus(redis, ledger))).toBe('5')
    // A cache that belonged to another database is dropped.
    await admin.set('livebalance:owner', 'e0:USD')
    await admin.set('balance:user:bob', '77')
    await openBus(redis, ledger)
    await eventually(async () => expect(await admin.get('balance:user:bob')).toBeNull())
  })

  test('changes committed while Redis was unavailable are not swept into an empty cache, where they could be older than delivered ones', async ({
    redis,
  }) => {
    const ledger = new FakeLedger()
    const bus = await openBus(redis, ledger)
    ledger.change(ALICE, 100n)
    // Meanwhile the ledger commits another change, which is not published yet.
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
