import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, onTestFinished, vi } from 'vitest'
import { Budget } from '../../src/rate-limit/limiter.ts'
import type { RateCounter } from '../../src/rate-limit/store.ts'
import { MemoryRates } from '../../src/realtime/bus/memory-bus.ts'
import { RedisRates } from '../../src/realtime/bus/redis-stores.ts'
import { TokenBucket } from '../../src/realtime/connections/limits.ts'
import {
  describeWithPrivateRedis,
  describeWithRedis,
  eventually,
  redisUrl,
} from '../support/index.ts'
import { test } from '../support/realtime/private-redis.ts'

/** The number of allowed requests among `count` sequential ones. */
function allowed(budget: Budget, key: string, count: number): number {
  let granted = 0
  for (let i = 0; i < count; i++) if (budget.take(key, 1).allowed) granted += 1
  return granted
}

describe('alone', () => {
  beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }))
  afterEach(() => void vi.useRealTimers())

  const budget = (points = 100) => {
    return new Budget(new MemoryRates().counter('test', 60), points, 60)
  }

  test('grants up to the limit, reports the rest, and begins anew after the window', async () => {
    const it = budget(3)
    expect(it.take('alice', 1)).toEqual({ allowed: true, remaining: 2, secondsLeft: 60 })
    await vi.advanceTimersByTimeAsync(20_500)
    expect(it.take('alice', 1)).toEqual({ allowed: true, remaining: 1, secondsLeft: 40 })
    expect(it.take('alice', 1)).toEqual({ allowed: true, remaining: 0, secondsLeft: 40 })
    expect(it.take('alice', 1)).toEqual({ allowed: false, remaining: 0, secondsLeft: 40 })
    expect(it.refusal('alice')).toEqual({ allowed: false, remaining: 0, secondsLeft: 40 })
    expect(it.refusal('bob')).toBeUndefined()
    expect(it.take('bob', 1).allowed).toBe(true)
    await vi.advanceTimersByTimeAsync(39_500)
    expect(it.refusal('alice')).toBeUndefined()
    expect(it.take('alice', 1)).toEqual({ allowed: true, remaining: 2, secondsLeft: 60 })
  })

  test('a rejected request is not counted, so that asking again costs nothing', async () => {
    const it = budget(10)
    expect(allowed(it, 'alice', 1000)).toBe(10)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(allowed(it, 'alice', 1000)).toBe(10)
  })

  test('remembers a bounded number of keys, the youngest', () => {
    const untold: RateCounter = { add: async () => ({ used: 1, msLeft: 60_000 }) }
    const it = new Budget(untold, 1, 60)
    it.take('first', 1)
    for (let i = 0; i < 100_000; i++) it.take(`key ${i}`, 1)
    expect(it.refusal('first')).toBeUndefined()
    expect(it.refusal('key 1')).toBeDefined()
  })
})

test('a clock that is set back by an hour changes no window, no wait and no counter', async () => {
  const counter = new MemoryRates().counter('test', 60)
  const it = new Budget(counter, 1, 60)
  const bursts = new TokenBucket(2)
  it.take('alice', 1)
  await counter.add('bob', 1)
  bursts.take()
  const now = Date.now()
  vi.useFakeTimers({ toFake: ['Date'], now: now - 3_600_000 })
  onTestFinished(() => void vi.useRealTimers())
  expect(it.take('alice', 1).secondsLeft).toBeLessThanOrEqual(60)
  expect(it.refusal('alice')?.secondsLeft).toBeLessThanOrEqual(60)
  expect((await counter.add('bob', 1)).msLeft).toBeLessThanOrEqual(60_000)
  // A clock that is set forward grants nothing either.
  vi.setSystemTime(now + 3_600_000)
  expect(it.take('alice', 1).allowed).toBe(false)
  expect(await counter.add('bob', 1)).toMatchObject({ used: 3 })
  expect([bursts.take(), bursts.take()]).toContain(false)
})

test('the shared counter is called for each tenth of a budget, and a small user costs no call', async () => {
  const reported: [string, number][] = []
  const counter: RateCounter = {
    async add(key, points) {
      reported.push([key, points])
      return { used: points, msLeft: 60_000 }
    },
  }
  const budget = new Budget(counter, 100, 60)
  allowed(budget, 'small', 9)
  expect(reported).toEqual([])
  for (let i = 0; i < 55; i++) {
    budget.take('large', 1)
    await Promise.resolve()
    await Promise.resolve()
  }
  expect(reported.map(([key]) => key)).toEqual(Array(5).fill('large'))
})

test('a counter that fails leaves the process with its own count', async () => {
  const counter: RateCounter = { add: () => Promise.reject(new Error('gone')) }
  const budget = new Budget(counter, 20, 60)
  for (let i = 0; i < 30; i++) {
    budget.take('alice', 1)
    await Promise.resolve()
  }
  expect(budget.refusal('alice')).toBeDefined()
})

describeWithRedis('with Redis', () => {
  const connection = async () => {
    const redis = new Redis(redisUrl())
    onTestFinished(() => void redis.disconnect())
    await eventually(() => expect(redis.status).toBe('ready'))
    return redis
  }
  const name = () => `test-${crypto.randomUUID()}`

  test('a counter counts for all that use its name, and ends with its window', async () => {
    const [redis, n] = [await connection(), name()]
    const [here, there] = [new RedisRates(redis), new RedisRates(await connection())].map((rates) =>
      rates.counter(n, 60),
    )
    expect(await here?.add('alice', 3)).toMatchObject({ used: 3 })
    const usage = await there?.add('alice', 4)
    expect(usage?.used).toBe(7)
    expect(usage?.msLeft).toBeGreaterThan(55_000)
    expect(usage?.msLeft).toBeLessThanOrEqual(60_000)
    expect(await there?.add('bob', 1)).toMatchObject({ used: 1 })
    // A Redis without the scripts, as after a restart.
    await redis.script('FLUSH')
    expect(await here?.add('alice', 1)).toMatchObject({ used: 8 })
    // A window that was created before Redis' clock was set back by an hour.
    await redis.pexpire(`livebalance:rate:${n}:alice`, 3_660_000)
    expect((await here?.add('alice', 0))?.msLeft).toBeLessThanOrEqual(60_000)
    await redis.pexpire(`livebalance:rate:${n}:alice`, 1)
    await eventually(async () => expect((await here?.add('alice', 0))?.used).toBe(0))
  })

  test('two processes share a budget, except for a tenth', async () => {
    const n = name()
    let reported = Promise.resolve()
    const processes = [await connection(), await connection()].map((redis) => {
      const counter = new RedisRates(redis).counter(n, 60)
      const add: RateCounter['add'] = (key, points) => {
        const answer = counter.add(key, points)
        reported = answer.then(() => {})
        return answer
      }
      return new Budget({ add }, 100, 60)
    })
    let granted = 0
    for (let i = 0; i < 100; i++) {
      for (const budget of processes) {
        if (budget.take('alice', 1).allowed) granted += 1
        // As if requests came slowly: each report is answered before the next request.
        await reported
        await new Promise(setImmediate)
      }
    }
    expect(granted).toBeGreaterThanOrEqual(100)
    expect(granted).toBeLessThanOrEqual(120)
  })
})

describeWithPrivateRedis('while Redis is unavailable', () => {
  test('each process counts by itself; afterwards they share again', async ({ redis: server }) => {
    const redis = new Redis(server.url, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => 20,
    })
    redis.on('error', () => {})
    onTestFinished(() => void redis.disconnect())
    await eventually(() => expect(redis.status).toBe('ready'))
    const counter = new RedisRates(redis).counter('test', 60)
    await counter.add('alice', 50)
    await server.kill()
    await eventually(() => expect(redis.status).not.toBe('ready'))
    expect(await counter.add('alice', 7)).toMatchObject({ used: 7 })
    expect(allowed(new Budget(counter, 100, 60), 'bob', 1000)).toBe(100)
    await server.restart()
    await eventually(() => expect(redis.status).toBe('ready'))
    await counter.add('carol', 5)
    expect(await redis.get('livebalance:rate:test:carol')).toBe('5')
  })
})
