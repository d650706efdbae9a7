import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Redis } from 'ioredis'
import { generateKeyPair, SignJWT } from 'jose'
import { expect, onTestFinished } from 'vitest'
import { createServiceClient, type ServiceEvent } from '../../src/server-sdk/index.ts'
import { test as base } from '../support/fixtures.ts'
import { describeWithRedis, eventually, mintToken, redisUrl, UNLIMITED } from '../support/index.ts'
import { type Booted, bootServer } from '../support/observability/booted.ts'
import { connectBy, TRANSPORTS } from '../support/realtime/balance-server.ts'

/** Two whole servers on one database and one Redis. The second lets in only tenants that an operator made. */
const test = base.extend('servers', { scope: 'file' }, async ({ database }, { onCleanup }) => {
  const common = { ...UNLIMITED, DATABASE_URL: database.ownerUrl, REDIS_URL: redisUrl() }
  const servers = await Promise.all([
    bootServer(common),
    bootServer({ ...common, TENANTS: 'made' }),
  ])
  onCleanup(async () => void (await Promise.all(servers.map((server) => server.close()))))
  const [here, there] = servers
  return { here, there }
})

const opal = { sub: 'opal', roles: ['operator'] }

type Claims = Parameters<typeof mintToken>[0]

/** @param by the claims of a token; a text: a key in place of one */
async function ask(server: Booted, by: Claims | string, request: string, body?: object) {
  const [method = '', path = ''] = request.split(' ')
  const token = typeof by === 'string' ? by : await mintToken(by)
  const response = await fetch(server.url + path, {
    method,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  })
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects
  const answer: any = await response.json()
  return { status: response.status, headers: response.headers, body: answer }
}

let made = 0
/** Makes a tenant through the first server. */
async function tenant({ here }: { here: Booted }, settings: object = {}): Promise<string> {
  const id = `tenant-${++made}`
  const answer = await ask(here, opal, 'POST /platform/tenants', { id, name: id, ...settings })
  expect(answer.status).toBe(201)
  return id
}

const BALANCE = 'GET /transactions/balance'

/** The second server, which lets in only tenants that it knows, has heard of this one. */
const knows = (there: Booted, id: string) =>
  eventually(async () => {
    expect((await ask(there, { sub: 'ann', tenant: id }, BALANCE)).status).toBe(200)
  })

describeWithRedis('two processes and their tenants', () => {
  test('what one process is told applies here at once, and soon in the other', async ({
    servers,
  }) => {
    const { here, there } = servers
    // No other process knows the tenant yet: it lets in only those that were made.
    const stranger = await ask(there, { sub: 'ann', tenant: 'nobody-made-it' }, BALANCE)
    expect([stranger.status, stranger.body.code]).toEqual([403, 'forbidden'])
    expect((await ask(here, { sub: 'ann', tenant: 'nobody-made-it' }, BALANCE)).status).toBe(200)
    expect((await ask(there, { sub: 'ann' }, BALANCE)).status).toBe(200)

    const id = await tenant(servers, { currency: 'EUR' })
    const currency = async (server: Booted) =>
      (await ask(server, { sub: 'ann', tenant: id }, BALANCE)).body.currency
    expect(await currency(here)).toBe('EUR')
    await knows(there, id)
    expect(await currency(there)).toBe('EUR')
    await ask(here, opal, `PATCH /platform/tenants/${id}`, { currency: 'JPY' })
    expect(await currency(here)).toBe('JPY')
    await eventually(async () => expect(await currency(there)).toBe('JPY'))
  })

  test('the cached balance is of the tenant’s currency, after a change of either', async ({
    servers,
  }) => {
    const { here, there } = servers
    const id = await tenant(servers, { currency: 'EUR' })
    await knows(there, id)
    const give = async (amount: number, currency?: string, of = id) => {
      const gift = { userId: 'ann', amount, description: 'gift', ...(currency && { currency }) }
      const ada = { sub: 'ada', roles: ['admin'], tenant: of }
      expect((await ask(here, ada, 'POST /transactions/adjustment', gift)).status).toBe(201)
    }
    // A token that was seen before is answered sooner, without the app.
    const token = await mintToken({ sub: 'ann', tenant: id })
    const cached = async (server: Booted, by = token) =>
      (await ask(server, by, 'GET /transactions/balance/cached')).body
    /** In both processes, and from the cache. */
    const become = (balance: number) =>
      eventually(async () => {
        for (const server of [here, there]) {
          expect(await cached(server)).toEqual({ balance, cached: true })
        }
      })
    const other = await tenant(servers)
    await give(3, undefined, other)
    await give(10)
    await become(10)
    await give(5)
    await become(15)
    // The server’s own currency has the key without one, and is another balance.
    await give(100, 'USD')
    await give(2000, 'JPY')
    await become(15)
    const redis = new Redis(redisUrl())
    onTestFinished(() => redis.disconnect())
    expect(await redis.get(`livebalance:balance:EUR:${id}:ann`)).toBe('15')
    expect(await redis.get(`balance:${id}:user:ann`)).toBe('100')

    const turnTo = (currency: string | null) =>
      ask(here, opal, `PATCH /platform/tenants/${id}`, { currency })
    await turnTo('JPY')
    expect((await cached(here)).balance).toBe(2000)
    await become(2000)
    await give(1)
    await become(2001)
    await give(1, 'EUR')
    await turnTo('EUR')
    await become(16)
    await turnTo(null)
    await become(100)
    const theirs = await mintToken({ sub: 'ann', tenant: other })
    expect((await cached(here, theirs)).balance).toBe(3)
  })

  test('a quota of requests counts over both, and no other tenant notices', async ({ servers }) => {
    const { here, there } = servers
    const id = await tenant(servers, { rateLimits: { reads: 20 } })
    await knows(there, id)
    const codes = async (server: Booted, count: number, of = id) => {
      const all: number[] = []
      // Each is another user, and a service has no limit of its own.
      for (let i = 0; i < count; i++) {
        const user = { sub: `user-${i}`, tenant: of, roles: i % 2 === 0 ? [] : ['service'] }
        all.push((await ask(server, user, BALANCE)).status)
      }
      return all
    }
    expect(await codes(here, 21)).toContain(429)
    // By itself it would let through one more than these.
    expect(await codes(there, 19)).toContain(429)
    const refused = await ask(there, { sub: 'ann', tenant: id }, BALANCE)
    expect([refused.status, refused.body.code]).toEqual([429, 'rate_limited'])
    expect(refused.headers.get('RateLimit-Policy')).toBe('"reads-by-tenant";q=20;w=60')
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0)
    const other = await tenant(servers)
    await knows(there, other)
    expect(await codes(there, 3, other)).toEqual([200, 200, 200])
    // Writes have a quota of their own.
    const topup = await ask(here, { sub: 'ann', tenant: id }, 'POST /transactions/topup', {
      amount: 1,
    })
    expect(topup.status).toBe(201)
  })

  test('a quota of streams counts over both, and a closed stream makes room', async ({
    servers,
  }) => {
    const { here, there } = servers
    const id = await tenant(servers, { maxConnections: 2 })
    const connect = async (server: Booted, sub: string, of = id) =>
      connectBy.SSE(server.url, await mintToken({ sub, tenant: of }))
    const opened = (stream: Awaited<ReturnType<typeof connect>>) =>
      eventually(() => expect(stream.received[0]?.event).toBe('balance_initial'))
    const first = await connect(here, 'ann')
    await opened(first)
    await knows(there, id)
    const second = await connect(there, 'bob')
    await opened(second)
    for (const server of [here, there]) {
      expect(await (await connect(server, 'cid')).failure).toMatchObject({ status: 429 })
    }
    const other = await tenant(servers)
    await knows(there, other)
    await opened(await connect(there, 'cid', other))
    first.close()
    await eventually(async () => {
      const more = await connect(there, 'cid')
      const isRefused = await Promise.race([more.failure.then(() => true), opened(more)])
      expect(isRefused).not.toBe(true)
    })
  })

  test('a suspension here ends the streams there, and what a key there had opened ends with the key', async ({
    servers,
  }) => {
    const { here, there } = servers
    const id = await tenant(servers)
    await knows(there, id)
    const asked = { tenant: id, name: 'shop', roles: ['service'] }
    const { body: key } = await ask(here, opal, 'POST /platform/keys', asked)
    const shop = createServiceClient({ url: there.url, apiKey: key.key })
    const events: ServiceEvent[] = []
    const reasons: string[] = []
    const listen = () => {
      const abort = new AbortController()
      onTestFinished(() => abort.abort())
      const onReconnect = ({ code }: { code: string }) => void reasons.push(code)
      const options = { signal: abort.signal, retry: { maxDelay: 10 }, onReconnect }
      const ended = (async () => {
        for await (const event of shop.stream(options)) events.push(event)
      })().catch((error) => error)
      return { abort, ended }
    }
    const before = listen()

    const ada = { sub: 'ada', roles: ['admin'], tenant: id }
    const gift = { userId: 'ann', amount: 100, description: 'gift' }
    expect((await ask(here, ada, 'POST /transactions/adjustment', gift)).status).toBe(201)
    const hold = await shop.hold({ userId: 'ann', amount: 10 })
    await shop.capture(hold.id, { amount: 10, final: false })
    await eventually(() => expect(events.map(({ event }) => event)).toEqual(['hold_exhausted']))

    const open = await Promise.all(
      TRANSPORTS.map(async (how) =>
        connectBy[how](there.url, await mintToken({ sub: 'ann', tenant: id })),
      ),
    )
    for (const { received } of open) await eventually(() => expect(received).toHaveLength(1))
    const console_ = await mintToken(ada)
    const admins = await fetch(`${there.url}/admin/stream`, {
      headers: { Authorization: `Bearer ${console_}` },
    })
    await ask(here, opal, `POST /platform/tenants/${id}/suspend`, { reason: 'did not pay' })
    for (const { failure, received } of open) {
      await failure
      expect(received.at(-1)).toMatchObject({ event: 'error', data: { code: 'tenant_suspended' } })
      expect(JSON.stringify(received)).not.toContain('did not pay')
    }
    expect(await admins.text()).toContain('tenant_suspended')

    await expect(shop.hold({ userId: 'ann', amount: 1 })).rejects.toMatchObject({
      ...{ code: 'tenant_suspended', status: 403, retryAfter: 30 },
    })
    const suspended = () => reasons.filter((code) => code === 'tenant_suspended')
    await eventually(() => expect(suspended()).toHaveLength(2))
    // It comes again after the 30 s that the server asks for, which is too long for this test.
    before.abort.abort()
    await before.ended
    await ask(here, opal, `POST /platform/tenants/${id}/resume`, {})
    await eventually(async () => expect((await ask(there, key.key, BALANCE)).status).toBe(200))
    const { ended } = listen()
    const later = await shop.hold({ userId: 'ann', amount: 1 })
    await shop.capture(later.id, { amount: 1, final: false })
    await eventually(() => expect(events.at(-1)?.transactionId).toBe(later.id))

    const ofKey = connectBy.SSE(there.url, key.key)
    await eventually(() => expect(ofKey.received).toHaveLength(1))
    await ask(here, opal, `DELETE /platform/keys/${key.id}`)
    await ofKey.failure
    expect(ofKey.received.at(-1)).toMatchObject({ event: 'error', data: { code: 'token_revoked' } })
    expect(await ended).toMatchObject({ code: 'token_revoked' })
    expect((await ask(there, key.key, BALANCE)).body.code).toBe('unauthorized')
    await expect(shop.hold({ userId: 'ann', amount: 1 })).rejects.toMatchObject({ status: 401 })
  })

  test('a tenant whose keys are at a private address is not helped to reach it, and alone gets 503', async ({
    servers,
    owner,
  }) => {
    const { here } = servers
    let requests = 0
    const inside = createServer((_, response) => {
      requests += 1
      response.end('{"keys":[]}')
    })
    await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void inside.close())
    const id = await tenant(servers)
    // As if the host had been a public one when the setting was made.
    const url = `http://127.0.0.1:${(inside.address() as AddressInfo).port}/keys`
    await owner`
      update tenants set settings = ${owner.json({ identity: { kind: 'jwks', url } })},
        version = nextval('access_versions')
      where tenant = ${id}`
    const { privateKey } = await generateKeyPair('ES256')
    const token = await new SignJWT({ sub: 'ann', tenant: id, exp: 4_102_444_800 })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(privateKey)
    await eventually(async () => {
      const { status, body, headers } = await ask(here, token, BALANCE)
      expect([status, body.code, headers.get('Retry-After')]).toEqual([503, 'unavailable', '5'])
    })
    expect(requests).toBe(0)
    expect((await ask(here, { sub: 'ann' }, BALANCE)).status).toBe(200)
    expect((await ask(here, { sub: 'ann', tenant: await tenant(servers) }, BALANCE)).status).toBe(
      200,
    )
  })
})
