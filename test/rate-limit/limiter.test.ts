import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { expect, onTestFinished, test } from 'vitest'
import { RequestMeter } from '../../src/http/middleware/observe.ts'
import {
  FAILURE_POINTS,
  RateLimiter,
  type RateLimiterOptions,
} from '../../src/rate-limit/limiter.ts'
import { MemoryRates } from '../../src/realtime/bus/memory-bus.ts'
import type { AppDeps } from '../../src/routes/app.ts'
import { bearer, edge } from '../support/http/stub.ts'

const OFF = { reads: 0, writes: 0, handshakes: 0 }

/** A server with these limits, and a function that sends it a request. */
async function listen(limits: Partial<RateLimiterOptions>, deps: Partial<AppDeps> = {}) {
  const limiter = new RateLimiter({
    store: new MemoryRates(),
    perUser: OFF,
    perAddress: OFF,
    trustProxy: 0,
    ...limits,
  })
  const { app, commands } = edge({
    limiter,
    limitsAndAlerts: { monitors: async () => [] } as unknown as AppDeps['limitsAndAlerts'],
    tickets: { issue: async () => ({ ticket: 't', expiresAt: '2030-01-01T00:00:00Z' }) },
    ...deps,
  })
  const server = createAdaptorServer({ fetch: app.fetch })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const send = async (request: string, headers: Record<string, string> = {}) => {
    const [method = '', path = ''] = request.split(' ')
    const body = method === 'GET' ? null : '{}'
    const response = await fetch(url + path, {
      method,
      headers: { ...(body && { 'Content-Type': 'application/json' }), ...headers },
      body,
    })
    return { status: response.status, headers: response.headers, body: await response.text() }
  }
  /** The statuses of `count` equal requests. */
  const statuses = async (count: number, ...args: Parameters<typeof send>) => {
    const all: number[] = []
    for (let i = 0; i < count; i++) all.push((await send(...args)).status)
    return all
  }
  return { url, send, statuses, commands }
}

const READ = 'GET /transactions/monitors'
const WRITE = 'POST /transactions/topup/019a4e5c-0000-7000-8000-000000000001/cancel'
const alice = () => bearer()
const bob = () => bearer({ sub: 'bob' })

test('a user above the limit gets 429 and `Retry-After`; a rejected request changes nothing', async () => {
  const { send, commands } = await listen({ perUser: { ...OFF, writes: 2 } })
  const first = await send(WRITE, await alice())
  expect(first.status).toBe(200)
  expect(first.headers.get('RateLimit-Policy')).toBe('"writes";q=2;w=60')
  expect(first.headers.get('RateLimit')).toMatch(/^"writes";r=1;t=60$/)
  await send(WRITE, await alice())
  const third = await send(WRITE, await alice())
  expect(third.status).toBe(429)
  expect(JSON.parse(third.body)).toMatchObject({
    code: 'rate_limited',
    requestId: expect.any(String),
  })
  const wait = Number(third.headers.get('Retry-After'))
  expect(wait).toBeGreaterThan(0)
  expect(wait).toBeLessThanOrEqual(60)
  expect(third.headers.get('RateLimit')).toBe(`"writes";r=0;t=${wait}`)
  expect(third.headers.get('RateLimit-Policy')).toBe('"writes";q=2;w=60')
  expect(commands).toHaveLength(2)
})

test('a preflight counts against its address, and in the metrics, as any request', async () => {
  const requests = new RequestMeter()
  const { statuses } = await listen({ perAddress: { ...OFF, writes: 2 } }, { requests })
  const page = { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'POST' }
  expect(await statuses(3, 'OPTIONS /transactions/topup', page)).toEqual([204, 204, 429])
  const counted = [...requests.read()].map(({ route, method, status, seconds }) => [
    `${method} ${route} ${status}`,
    seconds.total,
  ])
  expect(counted).toEqual([
    ['OPTIONS none 2xx', 2],
    ['OPTIONS none 4xx', 1],
  ])
})

test('reads, writes and handshakes have separate budgets, and so has each user', async () => {
  const { statuses } = await listen({ perUser: { reads: 1, writes: 1, handshakes: 1 } })
  for (const each of [READ, WRITE]) {
    expect(await statuses(2, each, await alice())).toEqual([200, 429])
  }
  expect(await statuses(2, 'POST /balance/ticket', await alice())).toEqual([201, 429])
  expect(await statuses(2, READ, await bob())).toEqual([200, 429])
  expect(await statuses(2, READ, await bearer({ tenant: 'other' }))).toEqual([200, 429])
})

test('users whose ids and tenants join to the same text have separate budgets', async () => {
  const { statuses } = await listen({ perUser: { ...OFF, reads: 1 } })
  for (const claims of [
    { tenant: 'a', sub: 'b/c' },
    { tenant: 'a/b', sub: 'c' },
    { tenant: 'a', sub: 'b:c' },
    { tenant: 'a:b', sub: 'c' },
    { tenant: 'a%3Ab', sub: 'c' },
  ]) {
    expect(await statuses(2, READ, await bearer(claims))).toEqual([200, 429])
  }
})

test('a rejected user uses up nothing of the budget of others at their address', async () => {
  const { statuses } = await listen({
    perUser: { ...OFF, reads: 1 },
    perAddress: { ...OFF, reads: 4 },
  })
  expect(await statuses(8, READ, await alice())).toEqual([200, ...Array(7).fill(429)])
  expect(await statuses(1, READ, await bob())).toEqual([200])
})

test('a user’s other token does not give another budget', async () => {
  const { statuses } = await listen({ perUser: { ...OFF, reads: 1 } })
  expect(await statuses(1, READ, await alice())).toEqual([200])
  expect(await statuses(1, READ, await bearer({ expiresIn: 900 }))).toEqual([429])
})

test('all requests of an address share one budget, with or without tokens; other headers change nothing', async () => {
  const { send, statuses } = await listen({ perAddress: { ...OFF, reads: 4 } })
  const seen = [
    ...(await statuses(1, READ, await alice())),
    ...(await statuses(1, READ, await bob())),
    ...(await statuses(1, 'GET /openapi.json')),
    ...(await statuses(1, 'GET /nowhere')),
  ]
  expect(seen).toEqual([200, 200, 200, 404])
  const spoofed = { 'X-Forwarded-For': '198.51.100.1', Forwarded: 'for=198.51.100.1' }
  const refused = await send(READ, { ...(await alice()), ...spoofed })
  expect(refused.status).toBe(429)
  expect(refused.headers.get('RateLimit-Policy')).toBe('"reads-by-address";q=4;w=60')
  expect(await statuses(1, 'GET /docs')).toEqual([429])
  expect(await statuses(1, 'GET /nowhere')).toEqual([429])
})

test('a client that changes X-Forwarded-For on each connection is still one address', async () => {
  const { url } = await listen({ perAddress: { ...OFF, reads: 2 } })
  const statuses: (number | undefined)[] = []
  for (let i = 1; i <= 3; i++) {
    const headers = { ...(await alice()), 'X-Forwarded-For': `198.51.100.${i}` }
    const out = request(`${url}/transactions/monitors`, { agent: false, headers }).end()
    const [response] = (await once(out, 'response')) as [IncomingMessage]
    statuses.push(response.statusCode)
    response.resume()
  }
  expect(statuses).toEqual([200, 200, 429])
})

test('behind a proxy, the address that it wrote down counts, and what stands left of it does not', async () => {
  const { statuses } = await listen({ perAddress: { ...OFF, reads: 1 }, trustProxy: 1 })
  const from = async (forwarded: string) => ({
    ...(await alice()),
    'X-Forwarded-For': forwarded,
  })
  expect(await statuses(2, READ, await from('198.51.100.1'))).toEqual([200, 429])
  expect(await statuses(1, READ, await from('203.0.113.9, 198.51.100.1'))).toEqual([429])
  expect(await statuses(1, READ, await from('198.51.100.1, 203.0.113.9'))).toEqual([200])
})

test.each<[string, Record<string, string>]>([
  ['no token', {}],
  ['a bad token', { Authorization: 'Bearer abc.def.ghi' }],
])('%s counts as ten requests of its address', async (_, headers) => {
  const { statuses } = await listen({ perAddress: { ...OFF, reads: 2 * FAILURE_POINTS } })
  expect(await statuses(3, READ, headers)).toEqual([401, 401, 429])
  expect(await statuses(1, READ, await alice())).toEqual([429])
})

test('a tenant at its quota uses up no other budget, and its services count too', async () => {
  const tenants = {
    isMade: () => true,
    settingsOf: (tenant: string) => (tenant === 'acme' ? { rateLimits: { reads: 3 } } : {}),
  }
  const { statuses, send } = await listen({ perAddress: { ...OFF, reads: 5 }, tenants })
  const booking = await bearer({ sub: 'booking', roles: ['service'], tenant: 'acme' })
  const ann = await bearer({ sub: 'ann', tenant: 'acme' })
  expect(await statuses(2, READ, booking)).toEqual([200, 200])
  expect(await statuses(20, READ, ann)).toEqual([200, ...Array(19).fill(429)])
  const refused = await send(READ, booking)
  expect(refused.headers.get('RateLimit-Policy')).toBe('"reads-by-tenant";q=3;w=60')
  expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0)
  expect(await statuses(1, WRITE, ann)).toEqual([200])
  // Of the address, only the one request that was let through is used up.
  expect(await statuses(5, READ, await bob())).toEqual([200, 200, 200, 200, 429])
})

test('health and metrics are not limited, and a service is not', async () => {
  const one = { reads: 1, writes: 1, handshakes: 1 }
  const { statuses } = await listen({ perUser: one, perAddress: one })
  expect(await statuses(3, 'GET /health/live')).toEqual([200, 200, 200])
  expect(await statuses(3, 'GET /health/ready')).toEqual([200, 200, 200])
  expect(await statuses(3, 'GET /metrics')).toEqual([200, 200, 200])
  const service = await bearer({ sub: 'booking', roles: ['service'] })
  expect(await statuses(3, READ, service)).toEqual([200, 200, 200])
  expect(await statuses(3, WRITE, service)).toEqual([200, 200, 200])
})

test('a page of another origin may read when to retry', async () => {
  const { send } = await listen({ perUser: { ...OFF, reads: 1 } })
  const headers = { ...(await alice()), Origin: 'https://app.example.com' }
  await send(READ, headers)
  const refused = await send(READ, headers)
  expect(refused.status).toBe(429)
  expect(refused.headers.get('Access-Control-Allow-Origin')).toBe('https://app.example.com')
  expect(refused.headers.get('Access-Control-Expose-Headers')).toMatch(/Retry-After, RateLimit/)
})

test('0 is no limit, and then there are no headers', async () => {
  const { send, statuses } = await listen({})
  expect(new Set(await statuses(30, READ, await alice()))).toEqual(new Set([200]))
  expect((await send(READ, await alice())).headers.get('RateLimit')).toBeNull()
})
