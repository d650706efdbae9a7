import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
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
import { FragileLeases } from '../support/realtime/fragile-leases.ts'

const ANOTHER = 'another process'
const USER = 'default:alice'

/** The contract of leases that several holders share. */
function leaseContract(open: () => LeaseStore) {
  test('the first renewal begins a lease, and the next finds it valid', async () => {
    const leases = open()
    const holder = randomUUID()
    expect(await leases.renew(holder, 30)).toBe(false)
    expect(await leases.renew(holder, 30)).toBe(true)
  })

  test('the limit holds over all holders, and a release makes room', async () => {
    const leases = open()
    const [user, one, other] = [randomUUID(), randomUUID(), randomUUID()]
    await Promise.all([leases.renew(one, 30), leases.renew(other, 30)])
    expect(await leases.acquire(user, one, 2)).toBe(true)
    expect(await leases.acquire(user, other, 2)).toBe(true)
    expect(await leases.acquire(user, one, 2)).toBe(false)
    await leases.release(user, other)
    expect(await leases.acquire(user, one, 2)).toBe(true)
  })

  test('asserted counts replace those of the holder only', async () => {
    const leases = open()
    const [user, one, other] = [randomUUID(), randomUUID(), randomUUID()]
    await Promise.all([leases.renew(one, 30), leases.renew(other, 30)])
    await leases.acquire(user, one, 3)
    await leases.acquire(user, other, 3)
    await leases.assert(one, new Map([[user, 2]]))
    expect(await leases.acquire(user, other, 3)).toBe(false)
    await leases.assert(one, new Map([[user, 0]]))
    expect(await leases.acquire(user, other, 2)).toBe(true)
    expect(await leases.acquire(user, other, 2)).toBe(false)
  })
}

describe('the leases that tests break', () => {
  leaseContract(() => new FragileLeases())
})

describe('a count', () => {
  function open(leaseSeconds = 0.1) {
    const store = new FragileLeases()
    const counts = new ConnectionLimit(store, silent, { limit: 3, leaseSeconds })
    onTestFinished(() => counts.close())
    return { store, counts }
  }

  test('that could not be lowered while Redis was unavailable is lowered afterwards', async () => {
    const { store, counts } = open()
    await counts.acquire(ALICE)
    store.down = true
    counts.release(ALICE)
    // Half a lease: one renewal, which fails.
    await sleep(50)
    expect(store.count(USER)).toBe(1)
    store.down = false
    await eventually(() => expect(store.count(USER)).toBe(0))
  })

  test('that could not be raised while Redis was unavailable is raised afterwards', async () => {
    const { store, counts } = open()
    store.down = true
    expect(await counts.acquire(ALICE)).toBe(true)
    expect(await counts.acquire(ALICE)).toBe(true)
    store.down = false
    await counts.acquire(ALICE)
    await eventually(() => expect(store.count(USER)).toBe(3))
    expect(await counts.acquire(ALICE)).toBe(false)
  })

  test('that changes while all counts are asserted is right in the end', async () => {
    const { store, counts } = open()
    await counts.acquire(ALICE)
    let arrive: () => void = () => {}
    store.delay = new Promise((resolve) => {
      arrive = resolve
    })
    const second = counts.acquire(ALICE)
    await new Promise((resolve) => setImmediate(resolve))
    await counts.assert()
    expect(store.count(USER)).toBe(2)
    // Only now the change arrives, which the asserted count already included.
    arrive()
    await second
    expect(store.count(USER)).toBe(3)
    await eventually(() => expect(store.count(USER)).toBe(2))
  })

  test('is written again when the lease had ended, because others may have dropped it', async () => {
    const { store, counts } = open()
    await counts.acquire(ALICE)
    store.expire()
    await eventually(() => expect(store.count(USER)).toBe(1))
  })
})

describeWithRedis('connections of one user over all processes', () => {
  function open(limit: number, leaseSeconds: number) {
    const leases = openLeases()
    const counts = new ConnectionLimit(leases, silent, { limit, leaseSeconds })
    onTestFinished(() => counts.close())
    return { leases, counts }
  }

  function openLeases(): RedisLeases {
    const redis = new Redis(redisUrl())
    onTestFinished(() => redis.disconnect())
    return new RedisLeases(redis)
  }

  leaseContract(openLeases)

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

  test('a running process keeps its count beyond the lease; the count of a killed process ends with its lease', async () => {
    const user = { tenant: 'default', userId: `crash-${randomUUID()}` }
    const { counts } = open(3, 3)
    const other = await holder(user.userId, 3, 3)
    expect(await counts.acquire(user)).toBe(false)
    // One and a half leases.
    await sleep(4500)
    expect(await counts.acquire(user)).toBe(false)
    other.kill('SIGKILL')
    await once(other, 'exit')
    await eventually(async () => expect(await counts.acquire(user)).toBe(true))
    // All three connections of the killed process, not one of them.
    expect([await counts.acquire(user), await counts.acquire(user)]).toEqual([true, true])
    expect(await counts.acquire(user)).toBe(false)
  })

  test('asserting a count of zero makes room', async () => {
    const { leases, counts } = open(1, 30)
    const user = { tenant: 'default', userId: `none-${randomUUID()}` }
    await leases.renew(ANOTHER, 30)
    await leases.assert(ANOTHER, new Map([[`default:${user.userId}`, 1]]))
    expect(await counts.acquire(user)).toBe(false)
    await leases.assert(ANOTHER, new Map([[`default:${user.userId}`, 0]]))
    expect(await counts.acquire(user)).toBe(true)
  })
})
