import type { Redis } from 'ioredis'
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
    const ledger = Object.assign(new FakeLedger(), { epoch: 'e5' })
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

  /** What the database of the epoch `ex` has left in Redis of a tenant that lived there. */
  async function leaveBehind(admin: Redis, epoch: string) {
    await admin.mset('livebalance:owner:acme', 'ex', 'balance:acme:user:ann', '77')
    await admin.set('livebalance:version:USD:acme:ann', 'ex:9')
    // From before it went there.
    await admin.rpush(`livebalance:events:${epoch}:acme:ann`, '1 {}')
    await admin.set('balance:user:alice', '5')
  }

  const KEYS_OF_ACME = ['balance:acme:user:ann', 'livebalance:version:USD:acme:ann']

  test('balances and histories of a tenant are not used after it came back from another database', async ({
    redis,
    admin,
  }) => {
    const ledger = Object.assign(new FakeLedger(), { epoch: 'e6' })
    await admin.set('livebalance:owner', 'e6:USD')
    await leaveBehind(admin, 'e6')
    const bus = openRedisBus(redis.url, ledger, { ...SHORT_TIMEOUTS, returned: ['acme'] })
    const ann = { tenant: 'acme', userId: 'ann' }
    await eventually(async () => {
      await bus.fill({ ...ALICE, userId: 'probe' }, 'USD', 0n, 0)
      expect(await admin.get('livebalance:owner:acme')).toBe('e6')
    })
    expect(await admin.exists(...KEYS_OF_ACME, 'livebalance:events:e6:acme:ann')).toBe(0)
    expect(await admin.get('balance:user:alice')).toBe('5')
    // The next process finds what this one has cached since.
    await eventually(async () => {
      await bus.fill(ann, 'USD', 800n, 10)
      expect(await bus.cachedBalance(ann, 'USD')).toBe('8')
    })
    const next = openRedisBus(redis.url, ledger, { ...SHORT_TIMEOUTS, returned: ['acme'] })
    await eventually(async () => {
      await next.fill({ ...ALICE, userId: 'probe' }, 'USD', 0n, 0)
      expect(await next.cachedBalance(ann, 'USD')).toBe('8')
    })
  })

  test('nor after it went to another database, again', async ({ redis, admin }) => {
    const bus = await openBus(redis, Object.assign(new FakeLedger(), { epoch: 'e7' }))
    await leaveBehind(admin, 'e8')
    const beside = Object.assign(new FakeLedger(), { epoch: 'e8' })
    bus.addLedger({ epoch: 'e8', changes: beside, tenants: ['acme'] })
    await eventually(async () => {
      await bus.fill({ tenant: 'acme', userId: 'probe' }, 'USD', 0n, 0)
      expect(await admin.get('livebalance:owner:acme')).toBe('e8')
    })
    expect(await admin.exists(...KEYS_OF_ACME, 'livebalance:events:e8:acme:ann')).toBe(0)
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
