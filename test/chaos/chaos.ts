import { join } from 'node:path'
import type postgres from 'postgres'
import { expect, inject, onTestFinished } from 'vitest'
import { sleep } from '../../src/lib/timeout.ts'
import { disorder, startReceiver, unreliable } from '../support/deliveries/receiver.ts'
import { describeWithPrivateRedis, eventually, mintToken } from '../support/index.ts'
import { test } from '../support/processes.ts'
import { Random } from '../support/random.ts'
import type { ServerEnvironment, ServerProcess } from '../support/server-process.ts'
import { ChaosClient } from './client.ts'
import { FAULTS } from './faults.ts'
import { type ChaosRedis, oneRedis, redisCluster } from './redis.ts'
import { Traffic } from './traffic.ts'

const MINUTES = Number(process.env.CHAOS_MINUTES ?? 1)
const SEED = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31))
const USERS = Array.from({ length: 20 }, (_, i) => `user-${i}`)
const CLIENTS_PER_USER = 3

/** Milliseconds: the server's own limit, and a margin for a busy machine. */
const LONGEST_ANSWER = 10_000 + 3000

const LIMIT = { timeout: MINUTES * 60_000 + 240_000 }

describeWithPrivateRedis('chaos', () => {
  const title = 'nothing is lost, doubled, or wrong'

  test(`on one Redis, ${title}`, LIMIT, async ({ redis, sql, startProcess }) =>
    survive({ redis: oneRedis(redis), sql, startProcess }),
  )

  test(`on a Redis Cluster, ${title}`, LIMIT, async ({ sql, startProcess }) =>
    survive({ redis: await redisCluster(USERS), sql, startProcess }),
  )
})

interface Installation {
  redis: ChaosRedis
  sql: postgres.Sql
  startProcess(environment: Partial<ServerEnvironment>): Promise<ServerProcess>
}

async function survive({ redis, sql, startProcess }: Installation): Promise<void> {
  const random = new Random(SEED)
  const say = (text: string) => process.stdout.write(`${text}\n`)
  say(`chaos: seed ${SEED} (CHAOS_SEED=${SEED} repeats the schedule), ${MINUTES} min`)

  const logFile = join(inject('runFolder'), 'chaos.log')
  const more = { WEBHOOK_ALLOW_PRIVATE: 'true' }
  const servers = await Promise.all([
    startProcess({ redisUrl: redis.url, logFile, more }),
    startProcess({ redisUrl: redis.url, logFile, more }),
  ])
  const urls = servers.map(({ url }) => url)

  const tokens = new Map<string, string>()
  for (const sub of USERS) tokens.set(sub, await mintToken({ sub, expiresIn: 86_400 }))
  tokens.set('admin', await mintToken({ sub: 'admin', roles: ['admin'], expiresIn: 86_400 }))
  const clients = USERS.flatMap((user) =>
    Array.from({ length: CLIENTS_PER_USER }, () => {
      return new ChaosClient(user, tokens.get(user) ?? '', urls, random)
    }),
  )
  const shop = await startReceiver(unreliable(() => random.next()))
  await fetch(`${urls[0]}/admin/webhooks`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${tokens.get('admin')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ url: shop.url }),
  })
  const traffic = new Traffic({ urls, users: USERS, tokens, random }, 8)

  onTestFinished(async () => {
    await Promise.all([traffic.stop(), ...clients.map((client) => client.stop())])
  })

  const end = Date.now() + MINUTES * 60_000
  const faults = Object.entries({ ...FAULTS, ...redis.faults })
  const injected = new Map<string, number>()
  const longestOutage = MINUTES > 2 ? 30_000 : 6000
  while (Date.now() < end || injected.size < faults.length) {
    // The schedule of the faults. No condition to wait for.
    await sleep(random.between(500, 3000))
    // First each fault once, so that a short run has all.
    const [name, fault] = faults[injected.size] ?? random.pick(faults)
    injected.set(name, (injected.get(name) ?? 0) + 1)
    await fault({ servers, sql, clients, random, longestOutage })
    for (const client of clients) client.absorb()
  }
  // The last events fall into gaps of the subscription, and no later event shows the gap.
  const gaps = setInterval(() => redis.killSubscribers().catch(() => {}), 30)
  // The length of this last phase.
  await sleep(1000)
  await traffic.stop()
  clearInterval(gaps)

  const heads = async () => {
    const rows = await sql`select user_id, seq from wallets where tenant = 'default'`
    return new Map(rows.map(({ user_id, seq }) => [user_id, Number(seq)]))
  }
  const read = async (path: string, user: string) => {
    const headers = { authorization: `Bearer ${tokens.get(user)}` }
    const answer = await fetch(`${urls[0]}/transactions/${path}`, { headers })
    // biome-ignore lint/suspicious/noExplicitAny: answers of several shapes
    return (await answer.json()) as any
  }
  const head = await heads()
  const late = await eventually(
    () => {
      for (const client of clients) {
        client.absorb()
        expect(client.seq, client.userId).toBe(head.get(client.userId) ?? 0)
      }
      return 0
    },
    { timeout: 60_000 },
  ).catch(() => clients.filter(({ seq, userId }) => seq !== head.get(userId)).length)

  // Each failure costs a pause, so a user with many events would take minutes to get the rest.
  expect(shop.received.length).toBeGreaterThan(shop.accepted().length)
  shop.behave(() => ({}))
  // A process that was killed holds its users until its lease ends. Failed deliveries wait between attempts.
  const disordered = await eventually(
    () => {
      const problems = [...head].flatMap(([user, seq]) => disorder(shop, user, seq))
      expect(problems).toEqual([])
      return problems
    },
    { timeout: 90_000 },
  ).catch(() => [...head].flatMap(([user, seq]) => disorder(shop, user, seq)))

  const sum = (of: (client: ChaosClient) => number) => clients.reduce((a, c) => a + of(c), 0)
  say(`faults: ${[...injected].map(([name, times]) => `${times} × ${name}`).join(', ')}`)
  say(
    `commands: ${traffic.accepted} accepted, ${traffic.refused} refused, ${traffic.repeated} repeated, longest answer ${traffic.longest} ms`,
  )
  say(
    `connections: ${sum((c) => c.connections)}, started from the state: ${sum((c) => c.restarted)}`,
  )
  say(
    `events: ${sum((c) => c.delivered)} delivered, ${sum((c) => c.lost)} lost, ${sum((c) => c.doubled)} doubled, ${late} clients not up to date`,
  )

  say(
    `webhook: ${shop.received.length} deliveries, ${shop.accepted().length} accepted, ${disordered.length} lost or out of order`,
  )

  expect(disordered).toEqual([])
  expect(late).toBe(0)
  expect(sum((c) => c.lost)).toBe(0)
  expect(sum((c) => c.doubled)).toBe(0)
  // A restart from the state loses nothing, but nothing in this schedule is a reason for it.
  expect(sum((c) => c.restarted)).toBe(0)
  expect(traffic.wrong).toEqual([])
  expect(traffic.longest).toBeLessThan(LONGEST_ANSWER)

  // Events that a killed process did not publish are in the cache after the sweep.
  await eventually(async () => expect(await sql`select 1 from outbox`).toHaveLength(0))
  for (const user of USERS) {
    const { balance } = await read('balance', user)
    for (const client of clients) if (client.userId === user) expect(client.balance).toBe(balance)
    expect((await read('balance/cached', user)).balance).toBe(balance)
    const cached = await redis.cachedBalance(user)
    if (cached !== null) expect(Number(cached)).toBe(balance)
  }
  // Each accepted write exists exactly once.
  const kept =
    await sql`select id from transactions where id = any(${traffic.transactions}::uuid[])`
  expect(kept).toHaveLength(new Set(traffic.transactions).size)
  expect(await sql`select 1 from outbox`).toHaveLength(0)
  expect(await read('audit', 'admin')).toMatchObject({ inaccurate: 0, discrepancies: [] })

  await Promise.all(clients.map((client) => client.stop()))
  for (const server of servers) expect(await server.end('SIGTERM')).toBe(0)
}
