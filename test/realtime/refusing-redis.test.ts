import { mkdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { createReadinessCheck } from '../../src/observability/health.ts'
import { RateLimiter } from '../../src/rate-limit/limiter.ts'
import {
  createDatabase,
  describeWithPrivateRedis,
  eventually,
  mintToken,
  startConfiguredRedis,
} from '../support/index.ts'
import { bootServer } from '../support/observability/booted.ts'
import {
  connectAll,
  connectBy,
  silent,
  startServer,
  tokenOf,
} from '../support/realtime/balance-server.ts'
import { ALICE, FakeLedger } from '../support/realtime/fake-ledger.ts'
import { openRedisBus } from '../support/realtime/redis-bus.ts'
import { startStalledProxy } from '../support/realtime/stalled-proxy.ts'

const BOB = { tenant: 'default', userId: 'bob' }

/** Longer than promised, because the machine may be busy: no test measures the time. */
const PATIENTLY = { timeout: 60_000 }

interface Kind {
  code: string
  configuration?: string[]
  /** From now on Redis answers, but refuses writes. */
  spoil(admin: Redis, folder: string): Promise<unknown>
  repair(admin: Redis, folder: string): Promise<unknown>
}

const KINDS: Kind[] = [
  {
    code: 'OOM',
    spoil: (admin) => admin.config('SET', 'maxmemory', '1'),
    repair: (admin) => admin.config('SET', 'maxmemory', '0'),
  },
  {
    code: 'READONLY',
    // Its primary does not exist.
    spoil: (admin) => admin.replicaof('127.0.0.1', 1),
    repair: (admin) => admin.replicaof('NO', 'ONE'),
  },
  {
    code: 'MISCONF',
    configuration: ['save 3600 1000000'],
    async spoil(admin, folder) {
      await mkdir(join(folder, 'dump.rdb'))
      await save(admin, 'err')
    },
    async repair(admin, folder) {
      await rmdir(join(folder, 'dump.rdb'))
      await save(admin, 'ok')
    },
  },
  {
    code: 'NOREPLICAS',
    spoil: (admin) => admin.config('SET', 'min-replicas-to-write', '1'),
    repair: (admin) => admin.config('SET', 'min-replicas-to-write', '0'),
  },
]

async function save(admin: Redis, status: 'ok' | 'err'): Promise<void> {
  await eventually(async () => {
    await admin.bgsave().catch(() => {})
    expect(await admin.info('persistence')).toContain(`rdb_last_bgsave_status:${status}`)
  }, PATIENTLY)
}

describeWithPrivateRedis('a Redis that answers and refuses writes', () => {
  async function redisOf({ configuration = [] }: Pick<Kind, 'configuration'>) {
    const redis = await startConfiguredRedis(configuration)
    const url = `redis://127.0.0.1:${redis.port}`
    const admin = new Redis(url)
    admin.on('error', () => {})
    onTestFinished(() => admin.disconnect())
    return { url, admin, folder: redis.folder }
  }

  /** A server with a live client on each transport, and its log from `warn` on. */
  async function running(ledger: FakeLedger, url: string, user = ALICE) {
    const warnings: Record<string, string>[] = []
    const write = (line: string) => void warnings.push(JSON.parse(line))
    const logger = pino({ level: 'warn' }, { write })
    const bus = openRedisBus(url, ledger, { probeAfterMs: 200, logger })
    const server = await startServer({ bus, ledger, pollEveryMs: 100, logger: silent })
    await eventually(() => expect(server.gateway.health.state).toBe('live'), PATIENTLY)
    const clients = await connectAll(server.url, await tokenOf(user))
    const got = (count: number) =>
      eventually(() => {
        const seqs = Array.from({ length: count }, (_, i) => i + 1)
        for (const client of clients) expect(client.seqs()).toEqual(seqs)
      }, PATIENTLY)
    const ready = createReadinessCheck({ read: async () => ({ ok: true }) }, server.gateway)
    return { ...server, bus, warnings, got, ready }
  }

  test.each(KINDS)(
    '$code: events come by polling, the log says so, and the bus recovers by itself',
    async (kind) => {
      const { url, admin, folder } = await redisOf(kind)
      const ledger = new FakeLedger()
      const here = await running(ledger, url)
      const there = await running(ledger, url)
      await here.change(ALICE, 100n)
      await Promise.all([here.got(2), there.got(2)])
      await eventually(async () => {
        expect(await here.bus.cachedBalance(ALICE, 'USD')).toBe('1')
        expect(await there.bus.cachedBalance(ALICE, 'USD')).toBe('1')
      }, PATIENTLY)

      await kind.spoil(admin, folder)
      await here.change(ALICE, 100n)
      // The bus whose write was refused knows at once; the others find out later.
      expect(await here.bus.cachedBalance(ALICE, 'USD')).toBeNull()
      await Promise.all([here.got(4), there.got(4)])
      await eventually(async () => {
        for (const { ready, gateway, bus } of [here, there]) {
          expect(await ready()).toEqual({
            ok: true,
            checks: expect.objectContaining({
              stream: { ok: true, reason: expect.stringContaining(`(${kind.code})`) },
            }),
          })
          expect(gateway.health.state).toBe('disconnected')
          expect(await bus.cachedBalance(ALICE, 'USD')).toBeNull()
        }
      }, PATIENTLY)
      // Later the state is unchanged, and was logged once.
      for (let i = 3; i <= 6; i++) {
        await here.change(ALICE, 100n)
        await Promise.all([here.got(2 * i), there.got(2 * i)])
      }
      expect(await here.bus.cachedBalance(ALICE, 'USD')).toBeNull()
      for (const { warnings } of [here, there]) {
        const said = warnings.filter(({ redis }) => redis?.startsWith(`${kind.code} `))
        expect(said).toEqual([
          expect.objectContaining({ msg: 'redis disconnected', check: expect.stringMatching(/./) }),
        ])
      }

      await kind.repair(admin, folder)
      await eventually(async () => {
        for (const { gateway, bus, ready } of [here, there]) {
          expect(gateway.health).toEqual({ state: 'live' })
          expect((await ready()).checks.stream).toEqual({ ok: true })
          expect(await bus.cachedBalance(ALICE, 'USD')).toBe('6')
        }
        expect(ledger.outbox.size).toBe(0)
      }, PATIENTLY)
      await there.change(ALICE, 100n)
      await Promise.all([here.got(14), there.got(14)])
      expect(await there.bus.cachedBalance(ALICE, 'USD')).toBe('7')
    },
    60_000,
  )

  test.each(KINDS)(
    '$code: a whole server continues to serve, and gives the reason on /health/ready',
    async (kind) => {
      const { url: redis, admin, folder } = await redisOf(kind)
      const database = await createDatabase()
      onTestFinished(() => database.drop())
      const server = await bootServer({ DATABASE_URL: database.ownerUrl, REDIS_URL: redis })
      onTestFinished(() => server.close())
      const ready = async () => {
        const response = await fetch(`${server.url}/health/ready`)
        const { status, checks } = (await response.json()) as Record<
          string,
          Record<string, unknown>
        >
        return [response.status, status, checks?.stream]
      }
      const send = async (sub: string, method: string, path: string, body?: object) => {
        const token = await mintToken({ sub, roles: sub === 'ada' ? ['admin'] : [] })
        const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
        const sent = body === undefined ? {} : { body: JSON.stringify(body) }
        const response = await fetch(server.url + path, { method, headers, ...sent })
        return { status: response.status, body: await response.json() }
      }
      const give = async () => {
        const gift = { userId: 'alice', amount: 1, description: 'a gift' }
        const { status } = await send('ada', 'POST', '/transactions/adjustment', gift)
        expect(status).toBe(201)
      }
      const read = async () => (await send('alice', 'GET', '/transactions/balance/cached')).body

      await eventually(async () => {
        expect(await ready()).toEqual([200, 'ready', { ok: true }])
      }, PATIENTLY)
      const client = connectBy.SSE(server.url, await mintToken({ sub: 'alice' }))
      await eventually(() => expect(client.received).toHaveLength(1), PATIENTLY)

      await kind.spoil(admin, folder)
      await give()
      await eventually(() => expect(client.seqs()).toEqual([1, 2]), PATIENTLY)
      expect(await read()).toEqual({ balance: 1, cached: false })
      const reason = expect.stringContaining(`(${kind.code})`)
      await eventually(async () => {
        expect(await ready()).toEqual([200, 'ready', { ok: true, reason }])
      }, PATIENTLY)
      // Only the operator sees the cause, in the log: a response must not show the address of Redis.
      expect(JSON.stringify(await ready())).not.toContain(new URL(redis).port)
      const said = server.log.filter(({ msg }) => msg === 'redis disconnected')
      expect(said).toEqual([
        expect.objectContaining({
          ...{ level: 'warn', reason, redis: expect.stringContaining(kind.code) },
          check: expect.any(String),
        }),
      ])

      await kind.repair(admin, folder)
      await eventually(async () => {
        expect(await ready()).toEqual([200, 'ready', { ok: true }])
      }, PATIENTLY)
      await give()
      await eventually(() => expect(client.seqs()).toEqual([1, 2, 3, 4]), PATIENTLY)
      await eventually(async () => {
        expect(await read()).toEqual({ balance: 2, cached: true })
      }, PATIENTLY)
    },
    120_000,
  )

  test('READONLY: it connects again, because the address may lead to another Redis by now', async () => {
    const [old, next] = [await redisOf({}), await redisOf({})]
    const proxy = await startStalledProxy(old.url)
    const { change, got, gateway, bus } = await running(new FakeLedger(), proxy.url)
    await change(ALICE, 100n)
    await got(2)
    proxy.redirectTo(next.url)
    await old.admin.replicaof('127.0.0.1', 1)
    await change(ALICE, 100n)
    await got(4)
    await eventually(() => expect(gateway.health).toEqual({ state: 'live' }), PATIENTLY)
    // A change may meet the moment of a reconnection. Then the sweep publishes it, and caches nothing that was not cached,
    // and a check of the cache may remove what an earlier one has cached.
    let changes = 2
    await eventually(async () => {
      await change(ALICE, 100n)
      changes += 1
      expect(await next.admin.get('balance:user:alice')).toBe(String(changes))
      expect(await bus.cachedBalance(ALICE, 'USD')).toBe(String(changes))
    }, PATIENTLY)
    await got(2 * changes)
  })

  test('other writes continue or fail with an error, and are right afterwards', async () => {
    const { url, admin } = await redisOf({})
    const { bus, gateway } = await running(new FakeLedger(), url)
    const perUser = { reads: 2, writes: 0, handshakes: 0 }
    const none = { reads: 0, writes: 0, handshakes: 0 }
    const limiter = new RateLimiter({ store: bus.rates, perUser, perAddress: none, trustProxy: 0 })
    const bob = { ...BOB, isAdmin: false, isService: false, expiresAt: Date.now() / 1000 + 3600 }
    await admin.config('SET', 'maxmemory', '1')

    // Tickets cannot be stored, so none is issued.
    await expect(gateway.tickets.issue(bob)).rejects.toMatchObject({ code: 'unavailable' })
    // Connections and requests are counted in this process.
    expect(await gateway.admission.admit({ token: await tokenOf(BOB) })).toMatchObject(BOB)
    limiter.take('reads', bob, undefined)
    limiter.take('reads', bob, undefined)
    expect(() => limiter.take('reads', bob, undefined)).toThrow('Too many requests')
    // A revocation is stored in Postgres, and announced where that is possible.
    let revoked = 0
    const count = () => {
      revoked += 1
    }
    bus.listen({ message: () => {}, link: () => {}, revoked: count })
    await bus.announceRevocation().catch(() => {})

    await admin.config('SET', 'maxmemory', '0')
    await eventually(() => expect(gateway.health).toEqual({ state: 'live' }), PATIENTLY)
    const { ticket } = await gateway.tickets.issue(bob)
    expect(await gateway.tickets.redeem(ticket)).toEqual(bob)
    await eventually(async () => {
      const counts = await admin.hvals('livebalance:connections:default:bob')
      expect(counts).toEqual(['1'])
    }, PATIENTLY)
    await bus.announceRevocation()
    await eventually(() => expect(revoked).toBeGreaterThan(0))
    gateway.admission.release(bob)
  })
})
