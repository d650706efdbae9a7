import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { sleep } from '../../src/lib/timeout.ts'
import type { LeaseStore } from '../../src/realtime/bus/bus.ts'
import { RedisLeases } from '../../src/realtime/bus/redis-stores.ts'
import { ConnectionLimit } from '../../src/realtime/connections/connection-limit.ts'
import { describeWithRedis, eventually, redisUrl } from '../support/index.ts'
import { silent } from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'

const ANOTHER = 'another process'
const USER = 'default:alice'

/** Leases in memory that can be broken, and looked into. */
class BrokenLeases implements LeaseStore {
  down = false
  /** What a change waits for on its way. */
  way: Promise<void> | undefined
  readonly counts = new Map<string, number>()
  held = true

  async acquire(user: string): Promise<boolean> {
    await this.#travel()
    this.counts.set(user, this.at(user) + 1)
    return true
  }

  async release(user: string): Promise<void> {
    await this.#travel()
    this.counts.set(user, this.at(user) - 1)
  }

  async renew(): Promise<boolean> {
    if (this.down) throw new Error('redis is away')
    const { held } = this
    this.held = true
    return held
  }

  async assert(_holder: string, counts: ReadonlyMap<string, number>): Promise<void> {
    if (this.down) throw new Error('redis is away')
    for (const [user, count] of counts) this.counts.set(user, count)
  }

  at(user: string): number {
    return this.counts.get(user) ?? 0
  }

  async #travel(): Promise<void> {
    await this.way
    if (this.down) throw new Error('redis is away')
  }
}

describe('a count', () => {
  function open(leaseSeconds = 0.1) {
    const store = new BrokenLeases()
    const counts = new ConnectionLimit(store, silent, { limit: 3, leaseSeconds })
    onTestFinished(() => counts.close())
    return { store, counts }
  }

  test('that could not be lowered while Redis was away is lowered afterwards', async () => {
    const { store, counts } = open()
    await counts.acquire(ALICE)
    store.down = true
    counts.release(ALICE)
    // Half a lease: one renewal, which fails.
    await sleep(50)
    expect(store.at(USER)).toBe(1)
    store.down = false
    await eventually(() => expect(store.at(USER)).toBe(0))
  })

  test('that could not be raised while Redis was away is raised afterwards', async () => {
    const { store, counts } = open()
    store.down = true
    expect(await counts.acquire(ALICE)).toBe(true)
    expect(await counts.acquire(ALICE)).toBe(true)
    store.down = false
    await counts.acquire(ALICE)
    await eventually(() => expect(store.at(USER)).toBe(3))
    expect(await counts.acquire(ALICE)).toBe(false)
  })

  test('that changes while all counts are told anew is right in the end', async () => {
    const { store, counts } = open()
    await counts.acquire(ALICE)
    let arrive: () => void = () => {}
    store.way = new Promise((resolve) => {
      arrive = resolve
    })
    const second = counts.acquire(ALICE)
    await new Promise((resolve) => setImmediate(resolve))
    await counts.assert()
    expect(store.at(USER)).toBe(2)
    // Only now does the change arrive that the telling knew of already.
    arrive()
    await second
    expect(store.at(USER)).toBe(3)
    await eventually(() => expect(store.at(USER)).toBe(2))
  })

  test('is told again when the lease had ended, and others may have dropped it', async () => {
    const { store, counts } = open()
    await counts.acquire(ALICE)
    store.counts.clear()
    store.held = false
    await eventually(() => expect(store.at(USER)).toBe(1))
  })
})

describeWithRedis('connections of one user over all processes', () => {
  function open(limit: number, leaseSeconds: number) {
    const redis = new Redis(redisUrl())
    const counts = new ConnectionLimit(new RedisLeases(redis), silent, { limit, leaseSeconds })
    onTestFinished(() => {
      counts.close()
      redis.disconnect()
    })
    return { redis, counts }
  }

  async function holder(userId: string, count: number, leaseSeconds: number) {
    const file = join(import.meta.dirname, '../support/realtime/lease-holder.ts')
    const process_: ChildProcess = spawn(
      process.execPath,
      ['--import', 'tsx', file, redisUrl(), userId, String(count), String(leaseSeconds)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    onTestFinished(() => void process_.kill('SIGKILL'))
    await once(process_.stdout as NonNullable<typeof process_.stdout>, 'data')
    return process_
  }

  test('a living process keeps its count beyond the lease; a killed one’s ends with it', async () => {
    const who = { tenant: 'default', userId: `crash-${crypto.randomUUID()}` }
    const { counts } = open(3, 3)
    const other = await holder(who.userId, 3, 3)
    expect(await counts.acquire(who)).toBe(false)
    // One and a half leases.
    await sleep(4500)
    expect(await counts.acquire(who)).toBe(false)
    other.kill('SIGKILL')
    await once(other, 'exit')
    await eventually(async () => expect(await counts.acquire(who)).toBe(true))
    // All three places, not one.
    expect([await counts.acquire(who), await counts.acquire(who)]).toEqual([true, true])
    expect(await counts.acquire(who)).toBe(false)
  }, 30_000)

  test('telling a count of none makes room', async () => {
    const { redis, counts } = open(1, 30)
    const leases = new RedisLeases(redis)
    const who = { tenant: 'default', userId: `none-${crypto.randomUUID()}` }
    await leases.renew(ANOTHER, 30)
    await leases.assert(ANOTHER, new Map([[`default:${who.userId}`, 1]]))
    expect(await counts.acquire(who)).toBe(false)
    await leases.assert(ANOTHER, new Map([[`default:${who.userId}`, 0]]))
    expect(await counts.acquire(who)).toBe(true)
  })
})
