import { request as ask, createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.ts'
import { mintToken } from '../../src/auth/tokens.ts'
import { cachedReads, type Handler } from '../../src/http/cached-reads.ts'
import { RequestMeter } from '../../src/http/middleware/observe.ts'
import { ApiError } from '../../src/lib/api-error.ts'
import { edge } from '../support/http/stub.ts'

const SECRET = 'a secret of at least thirty-two bytes'
const PATH = '/transactions/balance/cached'

let revoked = false
const authenticator = createAuthenticator({
  keys: { kind: 'secret', secret: SECRET },
  revocations: { covers: () => revoked },
})
const entries = new Map<string, string>()
let looks = 0
const cache = {
  async cachedBalance({ tenant, userId }: { tenant: string; userId: string }, currency: string) {
    looks += 1
    return entries.get(`${tenant}/${userId}/${currency}`) ?? null
  },
  fill: async () => {},
}
/** Of the quick way and the app together. */
const cacheReads = { hits: 0, misses: 0 }
const { app } = edge({
  authenticator,
  cache,
  cacheReads,
  reader: { balance: async () => ({ balance: 100n, seq: 1 }) } as never,
})

/** What may be asked, and whom the limiter was told of. */
let budget: number
let counted: string[]
const requests = new RequestMeter()
let answeredBefore: number
/** Answered the quick way, in all and in this test. */
const answeredSoFar = () =>
  [...requests.read()].reduce((sum, { seconds }) => sum + seconds.total, 0)
const answered = () => answeredSoFar() - answeredBefore
const whole: Handler = (request, response) => void getRequestListener(app.fetch)(request, response)
const quick = cachedReads(
  {
    ...{
      authenticator,
      cache,
      cacheReads,
      currency: 'USD',
      corsOrigins: ['https://app.example.com'],
    },
    limiter: {
      addressOf: (request) => request?.socket.remoteAddress,
      look() {},
      take(_, { userId }, address, headers = {}) {
        if (budget === 0) throw new ApiError(429, 'rate_limited', 'Too many.')
        budget -= 1
        counted.push(`${userId} at ${address}`)
        headers.RateLimit = `"reads";r=${budget};t=60`
      },
    },
    requests,
    log: { isLevelEnabled: () => false },
  },
  whole,
)

const servers = [quick, whole].map((handler) => createServer(handler))
let token: string
beforeAll(async () => {
  await Promise.all(
    servers.map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))),
  )
  token = await mintToken(SECRET, { sub: 'alice', expiresIn: 600 })
})
afterAll(() => servers.map((server) => server.close()))
beforeEach(async () => {
  ;[budget, counted, answeredBefore, revoked] = [10, [], answeredSoFar(), false]
  entries.set('default/alice/USD', '150.5')
  await authenticator.authenticate(token)
})

interface Answer {
  status: number | undefined
  headers: IncomingHttpHeaders
  body: string
}

/** The same request to the quick way and to the app alone, without what differs from answer to answer. */
function both(
  headers: Record<string, string> = {},
  path = PATH,
  method = 'GET',
): Promise<Answer[]> {
  return Promise.all(
    servers.map(async (server) => {
      const { port } = server.address() as AddressInfo
      const options = {
        port,
        path,
        method,
        headers: { Authorization: `Bearer ${token}`, ...headers },
      }
      return new Promise<Answer>((resolve, reject) => {
        ask(options, async (answer) => {
          let body = ''
          for await (const part of answer) body += part
          const { date: _, ratelimit: __, 'x-request-id': id, ...rest } = answer.headers
          expect(id).toMatch(/./)
          const text = body.replace(/"requestId":"[^"]*"/, '')
          const length = text === body ? {} : { 'content-length': '' }
          resolve({ status: answer.statusCode, headers: { ...rest, ...length }, body: text })
        })
          .on('error', reject)
          .end()
      })
    }),
  )
}

test('a cached balance is answered as by the app, to the last header', async () => {
  const [ours, theirs] = await both()
  expect(ours).toEqual(theirs)
  expect(ours).toMatchObject({ status: 200, body: '{"balance":150.5,"cached":true}' })
  expect([answered(), counted]).toEqual([1, ['alice at 127.0.0.1']])
})

test('the digits of a large balance arrive as they are cached', async () => {
  entries.set('default/alice/USD', '90071992547409.91')
  const [ours, theirs] = await both()
  expect(ours).toEqual(theirs)
  expect(ours?.body).toBe('{"balance":90071992547409.91,"cached":true}')
  expect(answered()).toBe(1)
})

test('each user gets their own balance, of their own tenant', async () => {
  entries.set('default/bob/USD', '7')
  entries.set('acme/alice/USD', '8')
  for (const [claims, body] of [
    [{ sub: 'bob' }, '{"balance":7,"cached":true}'],
    [{ sub: 'alice', tenant: 'acme' }, '{"balance":8,"cached":true}'],
  ] as const) {
    const other = await mintToken(SECRET, { ...claims, expiresIn: 600 })
    await authenticator.authenticate(other)
    const [ours] = await both({ Authorization: `Bearer ${other}` })
    expect(ours?.body).toBe(body)
  }
  expect(answered()).toBe(2)
})

test.each<[string, () => Promise<Answer[]>, number]>([
  [
    'a token that was not seen before',
    async () =>
      both({
        Authorization: `Bearer ${await mintToken(SECRET, { sub: 'alice', expiresIn: 599 })}`,
      }),
    200,
  ],
  ['a token that is not one', () => both({ Authorization: 'Bearer nonsense' }), 401],
  ['no token', () => both({ Authorization: '' }), 401],
  ['a page of another origin', () => both({ Origin: 'https://app.example.com' }), 200],
  ['an id of the caller’s own', () => both({ 'X-Request-Id': 'mine' }), 200],
  ['a traced request', () => both({ traceparent: 'anything' }), 200],
  ['a currency', () => both({}, `${PATH}?currency=USD`), 200],
  ['a parameter that is not known', () => both({}, `${PATH}?x=1`), 400],
  ['HEAD', () => both({}, PATH, 'HEAD'), 200],
  ['POST', () => both({}, PATH, 'POST'), 404],
])('the app answers %s', async (_, asked, status) => {
  const [ours, theirs] = await asked()
  expect(ours).toEqual(theirs)
  expect(ours?.status).toBe(status)
  expect([answered(), counted]).toEqual([0, []])
})

test('the app answers what is not cached, or is no balance', async () => {
  entries.delete('default/alice/USD')
  const [ours, theirs] = await both()
  expect(ours).toEqual(theirs)
  expect(ours?.body).toBe('{"balance":1,"cached":false}')
  entries.set('default/alice/USD', '1e9')
  const [odd, whole] = await both()
  expect(odd).toEqual(whole)
  expect([answered(), counted]).toEqual([0, []])
})

test('the app answers whoever has asked too often, uncounted', async () => {
  budget = 0
  const [ours, theirs] = await both()
  expect(ours).toEqual(theirs)
  expect([answered(), counted]).toEqual([0, []])
})

test('a token that is taken back is refused at once', async () => {
  expect((await both())[0]?.status).toBe(200)
  revoked = true
  const [ours, theirs] = await both()
  expect(ours).toEqual(theirs)
  expect(ours?.status).toBe(401)
})

test('a token that expires is refused, though it was known', async () => {
  let now = Date.now()
  const memory = createAuthenticator({ keys: { kind: 'secret', secret: SECRET }, now: () => now })
  await memory.authenticate(token)
  expect(memory.recall(token)).toMatchObject({ userId: 'alice' })
  now += 631_000
  expect(memory.recall(token)).toBeUndefined()
})

test('a look into the cache is counted once, whoever answers', async () => {
  Object.assign(cacheReads, { hits: 0, misses: 0 })
  await both()
  expect(cacheReads).toEqual({ hits: 2, misses: 0 })
  entries.delete('default/alice/USD')
  await both()
  expect(cacheReads).toEqual({ hits: 2, misses: 2 })
})

test.each([
  ['holds nothing', () => entries.delete('default/alice/USD')],
  ['holds a balance', () => {}],
  [
    'holds a balance of one who has asked too often',
    () => {
      budget = 0
    },
  ],
])('a cache that %s is asked once for a request', async (_, prepare) => {
  prepare()
  looks = 0
  await both()
  // Once by the quick way, or for it; once by the app alone.
  expect(looks).toBe(2)
})
