import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { parseRedisAddress } from '../../src/config/redis-address.ts'
import type { LedgerEvent, UserRef } from '../../src/ledger/event.ts'
import { isTenant, userKey } from '../../src/lib/identity.ts'
import type { Bus } from '../../src/realtime/bus/bus.ts'
import { walletKeys } from '../../src/realtime/bus/keys.ts'
import { MemoryBus } from '../../src/realtime/bus/memory-bus.ts'
import { RedisBus } from '../../src/realtime/bus/redis-bus.ts'
import { Shards } from '../../src/realtime/bus/shards.ts'
import { describeWithRedis, eventually, redisUrl } from '../support/index.ts'
import { FakeLedger } from '../support/realtime/fake-ledger.ts'
import { FragileBus } from '../support/realtime/fragile-bus.ts'

const logger = pino({ level: 'silent' })
const EPOCH = 'bus-test'

function newUser(): UserRef {
  return { tenant: 'default', userId: randomUUID() }
}

function event(user: UserRef, seq: number, newBalance: bigint, currency = 'USD'): LedgerEvent {
  const timestamp = '2025-11-04T10:30:00.000Z'
  return { ...user, seq, event: 'balance_updated', currency, timestamp, newBalance }
}

/** Opens buses, and closes them after each test. */
function openerOf(open: (epoch?: string) => Promise<Bus>) {
  const buses: Bus[] = []
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()))
  })
  return async (epoch?: string) => {
    const bus = await open(epoch)
    buses.push(bus)
    return bus
  }
}

/** The contract of every bus, including the fake that tests break. */
function stateContract(open: (epoch?: string) => Promise<Bus>) {
  const opened = openerOf(open)

  test('a published balance is cached as plain, shortest decimal text', async () => {
    const bus = await opened()
    const user = newUser()
    await bus.publish([event(user, 1, 15_050n)])
    expect(await bus.cachedBalance(user, 'USD')).toBe('150.5')
  })

  test('invariant 6: the cache never goes back', async () => {
    const bus = await opened()
    const user = newUser()
    await bus.publish([event(user, 5, 500n)])
    await bus.publish([event(user, 4, 400n)])
    await bus.fill(user, 'USD', 300n, 3)
    expect(await bus.cachedBalance(user, 'USD')).toBe('5')
    await bus.fill(user, 'USD', 600n, 6)
    expect(await bus.cachedBalance(user, 'USD')).toBe('6')
  })

  test('invariant 6: whatever the order of writes, the newest stays', async () => {
    const bus = await opened()
    const orders = fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8], { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(orders, async (seqs) => {
        const user = newUser()
        await Promise.all(
          seqs.map((seq) =>
            seq % 2
              ? bus.fill(user, 'USD', BigInt(seq * 100), seq)
              : bus.publish([event(user, seq, BigInt(seq * 100))]),
          ),
        )
        expect(await bus.cachedBalance(user, 'USD')).toBe(String(Math.max(...seqs)))
      }),
      { numRuns: 30 },
    )
  })

  test('currencies are cached apart', async () => {
    const bus = await opened()
    const user = newUser()
    await bus.publish([event(user, 1, 100n), event(user, 2, 5n, 'JPY')])
    expect(await bus.cachedBalance(user, 'USD')).toBe('1')
    expect(await bus.cachedBalance(user, 'JPY')).toBe('5')
    expect(await bus.cachedBalance(user, 'EUR')).toBeNull()
  })

  test('a refresh corrects what is cached, and caches nothing else', async () => {
    const bus = await opened()
    const [cached, other] = [newUser(), newUser()]
    await bus.fill(cached, 'USD', 100n, 1)
    await bus.refresh([
      { ...cached, currency: 'USD', balance: 200n, seq: 2 },
      { ...other, currency: 'USD', balance: 300n, seq: 3 },
    ])
    expect(await bus.cachedBalance(cached, 'USD')).toBe('2')
    expect(await bus.cachedBalance(other, 'USD')).toBeNull()
  })

  test('late publishing corrects what is cached, and caches nothing else', async () => {
    const bus = await opened()
    const [cached, ahead, other] = [newUser(), newUser(), newUser()]
    await bus.fill(cached, 'USD', 100n, 1)
    await bus.fill(ahead, 'USD', 300n, 3)
    await bus.publish(
      [cached, ahead, other].map((user) => event(user, 2, 200n)),
      true,
    )
    expect(await bus.cachedBalance(cached, 'USD')).toBe('2')
    expect(await bus.cachedBalance(ahead, 'USD')).toBe('3')
    expect(await bus.cachedBalance(other, 'USD')).toBeNull()
  })

  test('a ticket can be taken once', async () => {
    const { tickets } = await opened()
    const ticket = randomUUID()
    await tickets.put(ticket, 'value', 30)
    const taken = await Promise.all([tickets.take(ticket), tickets.take(ticket)])
    expect(taken.sort()).toEqual([null, 'value'].sort())
  })

  test('connections are counted over all holders', async () => {
    const { leases } = await opened()
    const someone = randomUUID()
    const [one, other] = [randomUUID(), randomUUID()]
    await Promise.all([leases.renew(one, 30), leases.renew(other, 30)])
    expect(await leases.acquire(someone, one, 2)).toBe(true)
    expect(await leases.acquire(someone, other, 2)).toBe(true)
    expect(await leases.acquire(someone, other, 2)).toBe(false)
    await leases.release(someone, one)
    expect(await leases.acquire(someone, other, 2)).toBe(true)
  })
}

/** The contract of the buses of a server. */
function contract(open: (epoch?: string) => Promise<Bus>) {
  stateContract(open)
  const opened = openerOf(open)

  test('each event is a message of its own, in order', async () => {
    const bus = await opened()
    const user = newUser()
    const seqs: number[] = []
    bus.listen({
      message: (text) => {
        const message = JSON.parse(text)
        if (message.userId === user.userId) seqs.push(message.seq)
      },
      link: () => {},
    })
    await bus.publish([event(user, 1, 100n), event(user, 2, 200n)])
    await bus.publish([event(user, 3, 300n)])
    await eventually(() => expect(seqs).toEqual([1, 2, 3]))
  })

  test('a listener that throws harms nobody', async () => {
    const bus = await opened()
    const user = newUser()
    let heard = 0
    bus.listen({
      message: () => {
        throw new Error('on purpose')
      },
      link: () => {},
    })
    bus.listen({ message: (text) => (heard += text.includes(user.userId) ? 1 : 0), link: () => {} })
    await bus.publish([event(user, 1, 100n)])
    await bus.publish([event(user, 2, 100n)])
    await eventually(() => expect(heard).toBe(2))
  })
}

describe('the in-process bus', () => {
  contract(async (epoch = EPOCH) => new MemoryBus({ epoch, currency: 'USD', logger }))
})

describe('the bus whose messages a test brings itself', () => {
  stateContract(async (epoch) => new FragileBus(epoch))
})

describeWithRedis('the bus over Redis', () => {
  async function open(epoch = EPOCH) {
    const changes = new FakeLedger()
    const redis = parseRedisAddress(redisUrl())
    const bus = new RedisBus({ redis, epoch, currency: 'USD', changes, logger })
    const probe = newUser()
    await eventually(async () => {
      expect(bus.link.state).toBe('live')
      await bus.fill(probe, 'USD', 100n, 1)
      expect(await bus.cachedBalance(probe, 'USD')).toBe('1')
    })
    return bus
  }
  contract(open)

  test('redis-cli sees the documented key, its TTL, and the documented message', async () => {
    const bus = await open()
    const redis = new Redis(redisUrl())
    const user = newUser()
    const messages: string[] = []
    const cli = new Redis(redisUrl())
    cli.on('message', (_channel, text) => text.includes(user.userId) && messages.push(text))
    await cli.subscribe('balance:updates')
    await bus.publish([{ ...event(user, 1, 15_000n), previousBalance: 10_000n }])
    expect(await redis.get(`balance:user:${user.userId}`)).toBe('150')
    expect(await redis.ttl(`balance:user:${user.userId}`)).toBeGreaterThan(3590)
    await eventually(() => expect(messages).toHaveLength(1))
    expect(JSON.parse(messages[0] ?? '')).toEqual({
      event: 'balance_updated',
      userId: user.userId,
      tenantId: 'default',
      newBalance: 150,
      previousBalance: 100,
      id: `${EPOCH}:1`,
      seq: 1,
      currency: 'USD',
      timestamp: '2025-11-04T10:30:00.000Z',
    })
    await Promise.all([bus.close(), redis.quit(), cli.quit()])
  })

  test('a ticket of one process opens one connection, of whatever process', async () => {
    const buses = await Promise.all([open(), open(), open()])
    const ticket = randomUUID()
    await buses[0].tickets.put(ticket, 'value', 30)
    const taken = await Promise.all([...buses, ...buses].map(({ tickets }) => tickets.take(ticket)))
    expect(taken.filter((value) => value !== null)).toEqual(['value'])
    await Promise.all(buses.map((bus) => bus.close()))
  })

  test('invariant 6: a listener that receives a change finds it in the cache', async () => {
    const bus = await open()
    const redis = new Redis(redisUrl())
    const listener = new Redis(redisUrl())
    const user = newUser()
    const found: Promise<[number, string | null]>[] = []
    listener.on('message', (_channel, text) => {
      const { userId, newBalance } = JSON.parse(text)
      if (userId !== user.userId) return
      found.push(redis.get(`balance:user:${userId}`).then((cached) => [newBalance, cached]))
    })
    await listener.subscribe('balance:updates')
    for (let seq = 1; seq <= 50; seq++) await bus.publish([event(user, seq, BigInt(seq * 100))])
    await eventually(() => expect(found).toHaveLength(50))
    for (const [announced, cached] of await Promise.all(found)) {
      expect(Number(cached)).toBeGreaterThanOrEqual(announced)
    }
    await Promise.all([bus.close(), redis.quit(), listener.quit()])
  })

  test('reads of one turn are one command', async () => {
    const bus = await open()
    const asked = vi.spyOn(Redis.prototype, 'mget')
    onTestFinished(() => asked.mockRestore())
    await Promise.all(Array.from({ length: 50 }, () => bus.cachedBalance(newUser(), 'USD')))
    expect(asked).toHaveBeenCalledTimes(1)
    await bus.close()
  })
})

test.each([
  ['on one Redis', new Shards(16, false)],
  ['in a cluster', new Shards(16, true)],
])('no two wallets share a key %s', (_, shards) => {
  const keys = walletKeys('USD', shards)
  const name = (max: number) =>
    fc.oneof(
      fc.constantFrom('user', 'updates', 'default', 'a:user:b', 'USD', 'x', 'user:user', ':'),
      fc.constantFrom('%75ser', '%user', '%7B', '%3A', 'a%3Auser%3Ab', '{x}', '/', 'n\u0303', 'ñ'),
      fc.stringMatching(/^[a-b:/|%{}37ABu-]{1,6}$/).map((text) => text.slice(0, max)),
      fc.string({ unit: 'grapheme', maxLength: 8 }).filter(isTenant),
    )
  const wallet = fc.tuple(name(64), name(255), fc.constantFrom('USD', 'EUR'))
  fc.assert(
    fc.property(wallet, wallet, (a, b) => {
      if (a.join('\n') === b.join('\n')) return
      const sameUser = a[0] === b[0] && a[1] === b[1]
      const users = [a, b].map(([tenant, userId]) => userKey({ tenant, userId }))
      expect(users[0] === users[1]).toBe(sameUser)
      const all = [a, b].flatMap(([tenant, userId, currency]) => {
        const user = { tenant, userId }
        return [keys.balance(user, currency), keys.version(user, currency)]
      })
      expect(new Set(all).size).toBe(4)
      // Redis Cluster chooses the slot by what stands in braces.
      for (const [i, key] of all.entries()) {
        const tag = /^[^{}]*\{([^{}]+)\}$/.exec(key)?.[1]
        const [tenant = '', userId = ''] = [a, a, b, b][i] ?? []
        const user = { tenant, userId }
        if (shards.tags) expect(tag).toBe(keys.slotTag(user))
        else expect(key).not.toMatch(/[{}]/)
      }
    }),
    { numRuns: 5000 },
  )
})
