import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { hc } from 'hono/client'
import { afterEach, describe, expect, expectTypeOf, test } from 'vitest'
import { ApiError } from '../../src/lib/api-error.ts'
import { DatabaseUnavailable } from '../../src/postgres/errors.ts'
import type { AppType } from '../../src/routes/app.ts'
import { bearer, edge } from '../support/http/stub.ts'

const TOPUP = '/transactions/topup'

async function post(body: string | undefined, headers: Record<string, string> = {}, path = TOPUP) {
  const { app, commands } = edge()
  const response = await app.request(path, {
    method: 'POST',
    headers: { ...(await bearer()), 'Content-Type': 'application/json', ...headers },
    ...(body !== undefined && { body }),
  })
  return { response, commands, problem: (await response.json()) as Record<string, unknown> }
}

describe('a request that is not right changes nothing and is told so in one form', () => {
  test.each<[string, string, number, string]>([
    ['no JSON', '{"amount": 5', 400, 'invalid_request'],
    ['JSON, but no object', '[]', 400, 'invalid_request'],
    ['a nest of 30,000 brackets', `${'['.repeat(30_000)}1234567890123456`, 400, 'invalid_request'],
    ['no amount', '{}', 400, 'invalid_amount'],
    ['a field nobody knows', '{"amount": 5, "admin": true}', 400, 'invalid_request'],
    ['__proto__', '{"amount": 5, "__proto__": {"isAdmin": true}}', 400, 'invalid_request'],
    ['an amount of zero', '{"amount": 0}', 400, 'invalid_amount'],
    ['an amount of minus zero', '{"amount": -0.0}', 400, 'invalid_amount'],
    ['a negative amount', '{"amount": -5}', 400, 'invalid_amount'],
    ['too many decimals', '{"amount": 5.001}', 400, 'invalid_amount'],
    [
      'too many decimals that a double hides',
      '{"amount": 5.00000000000000000001}',
      400,
      'invalid_amount',
    ],
    ['decimals of yen', '{"amount": 5.5, "currency": "JPY"}', 400, 'invalid_amount'],
    ['an amount beyond 2^53 − 1 cents', '{"amount": 90071992547409.92}', 400, 'invalid_amount'],
    ['an amount beyond every double', '{"amount": 1e999}', 400, 'invalid_amount'],
    ['text for an amount', '{"amount": "five"}', 400, 'invalid_amount'],
    ['a hexadecimal amount', '{"amount": "0x10"}', 400, 'invalid_amount'],
    ['null for an amount', '{"amount": null}', 400, 'invalid_amount'],
    ['an unknown currency', '{"amount": 5, "currency": "XXX"}', 400, 'unknown_currency'],
    ['a currency in small letters', '{"amount": 5, "currency": "usd"}', 400, 'unknown_currency'],
    ['NUL in a text', '{"amount": 5, "description": "a\\u0000b"}', 400, 'invalid_request'],
    ['half a surrogate pair', '{"amount": 5, "description": "\\ud800"}', 400, 'invalid_request'],
    [
      'a text too long',
      `{"amount": 5, "description": "${'x'.repeat(501)}"}`,
      400,
      'invalid_request',
    ],
    ['a body of 64 KiB and one byte', `"${'x'.repeat(65_535)}"`, 413, 'payload_too_large'],
  ])('%s', async (_, body, status, code) => {
    const { response, commands, problem } = await post(body)
    expect(response.status).toBe(status)
    expect(problem).toMatchObject({ code, requestId: expect.any(String) })
    expect(problem.message).toEqual(expect.any(String))
    expect(commands).toEqual([])
  })

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'JSON that is declared as %s',
    async (type) => {
      const { response, problem } = await post('{"amount": 5}', { 'Content-Type': type })
      expect(response.status).toBe(415)
      expect(problem.code).toBe('unsupported_media_type')
    },
  )

  test.each(['', 'x'.repeat(256), 'clé'])('an Idempotency-Key of %j', async (key) => {
    const { response, commands } = await post('{"amount": 5}', { 'Idempotency-Key': key })
    expect(response.status).toBe(400)
    expect(commands).toEqual([])
  })

  test('a transaction id that is no UUID', async () => {
    const { response } = await post('{}', {}, '/transactions/topup/1 or 1=1/cancel')
    expect(response.status).toBe(400)
  })

  test('a query that is not known, or given twice', async () => {
    const { app } = edge()
    for (const search of [
      'stauts=pending',
      'status=pending&status=failed',
      'limit=101',
      'limit=0',
    ]) {
      const response = await app.request(`/transactions/my-transactions?${search}`, {
        headers: await bearer(),
      })
      expect([search, response.status]).toEqual([search, 400])
    }
  })
})

describe('an amount reaches the ledger to the last digit', () => {
  test.each<[string, bigint]>([
    ['{"amount": 150.5}', 15_050n],
    ['{"amount": "150.50"}', 15_050n],
    ['{"amount": 90071992547409.91}', 9_007_199_254_740_991n],
    ['{"amount": "90071992547409.91"}', 9_007_199_254_740_991n],
    ['{"amount": 9007199254740991, "currency": "JPY"}', 9_007_199_254_740_991n],
    ['{"amount": 9007199254740.991, "currency": "KWD"}', 9_007_199_254_740_991n],
    ['{"amount": 1e2}', 10_000n],
    ['{"amount": 0.01}', 1n],
    ['{"amount": 0.10000000000000000000}', 10n],
  ])('%s', async (body, minor) => {
    const { response, commands } = await post(body)
    expect(response.status).toBe(201)
    expect(commands[0]?.amount).toBe(minor)
  })

  test('and its answer has every digit, too', async () => {
    const { app } = edge()
    const response = await app.request(TOPUP, {
      method: 'POST',
      headers: { ...(await bearer()), 'Content-Type': 'application/json' },
      body: '{"amount": 90071992547409.91}',
    })
    expect(await response.text()).toContain('"amount":90071992547409.91,')
  })
})

test('the ledger is told who asks, with which key and which trace', async () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const { commands } = await post('{"amount": 5}', { 'Idempotency-Key': 'k 1', traceparent })
  expect(commands).toEqual([
    {
      op: 'topup_request',
      tenant: 'default',
      actor: 'alice',
      userId: 'alice',
      amount: 500n,
      currency: 'USD',
      idempotencyKey: 'k 1',
      traceparent,
    },
  ])
})

test('a call whose every field is optional needs no body at all', async () => {
  const { app, commands } = edge()
  const id = '019a4e5c-0000-7000-8000-000000000001'
  const response = await app.request(`/transactions/topup/${id}/cancel`, {
    method: 'POST',
    headers: await bearer(),
  })
  expect(response.status).toBe(200)
  expect(commands[0]).toMatchObject({ op: 'topup_cancel', transactionId: id, userId: 'alice' })
})

test('a sane request id is kept, another one replaced', async () => {
  const { app } = edge()
  const ask = (id: string) => app.request('/health/live', { headers: { 'X-Request-Id': id } })
  expect((await ask('order-17.b')).headers.get('X-Request-Id')).toBe('order-17.b')
  expect((await ask('a"b c')).headers.get('X-Request-Id')).toMatch(/^[\w-]{12}-[0-9a-z]+$/)
})

test('no answer may be stored or framed', async () => {
  const { app } = edge()
  for (const path of ['/health/live', '/nowhere', '/transactions/balance']) {
    const { headers } = await app.request(path)
    expect(headers.get('Cache-Control')).toBe('no-store')
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(headers.get('X-Frame-Options')).toBe('DENY')
    expect(headers.get('Content-Security-Policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('X-Request-Id')).toBeTruthy()
  }
})

test('a page of a listed origin may call and read its answers, errors included; another may not', async () => {
  const { app } = edge()
  const from = (Origin: string, method = 'GET') =>
    app.request('/transactions/balance', {
      method,
      headers: { Origin, 'Access-Control-Request-Method': 'GET' },
    })
  const listed = await from('https://app.example.com')
  expect(listed.status).toBe(401)
  expect(listed.headers.get('Access-Control-Allow-Origin')).toBe('https://app.example.com')
  expect((await from('https://app.example.com', 'OPTIONS')).status).toBe(204)
  const other = await from('https://evil.example.com')
  expect(other.headers.get('Access-Control-Allow-Origin')).toBeNull()
})

test.each([
  ['', 'missing'],
  ['Bearer', 'missing'],
  ['Basic YWxpY2U6c2VjcmV0', 'missing'],
  ['Bearer two words', 'malformed'],
  ['Bearer no-token', 'malformed'],
])('Authorization: %j is refused with the reason %s', async (Authorization, reason) => {
  const { app } = edge()
  const response = await app.request('/transactions/balance', { headers: { Authorization } })
  expect(response.status).toBe(401)
  expect(await response.json()).toMatchObject({ code: 'unauthorized', details: { reason } })
  expect(response.headers.get('www-authenticate')).toMatch(
    reason === 'missing' ? /^Bearer$/ : /error_description="The token is not a signed JWT\."/,
  )
})

test('a token in the URL of a REST call counts for nothing', async () => {
  const { app } = edge()
  const { Authorization } = await bearer()
  const response = await app.request(`/transactions/balance?token=${Authorization.slice(7)}`)
  expect(response.status).toBe(401)
  expect(response.headers.get('WWW-Authenticate')).toBe('Bearer')
})

describe('when something behind the edge fails', () => {
  async function failing(execute: () => Promise<never>, requestTimeoutMs = 5_000) {
    const { app } = edge({ executor: { execute }, requestTimeoutMs })
    const response = await app.request(TOPUP, {
      method: 'POST',
      headers: { ...(await bearer()), 'Content-Type': 'application/json' },
      body: '{"amount": 5}',
    })
    return { response, text: await response.text() }
  }

  test('a bug is 500 and tells nothing of itself', async () => {
    const { response, text } = await failing(async () => {
      throw new Error('relation "secret_table" does not exist')
    })
    expect(response.status).toBe(500)
    expect(JSON.parse(text)).toMatchObject({ code: 'internal' })
    expect(text).not.toMatch(/secret_table|at |\.ts/)
  })

  test.each(['ECONNREFUSED', 'CONNECT_TIMEOUT', '57P03', '53300'])(
    'an outage (%s) in which nothing was applied is 503 with Retry-After',
    async (code) => {
      const { response, text } = await failing(async () => {
        throw Object.assign(new Error('connect 10.0.0.7:5432'), { code })
      })
      expect(response.status).toBe(503)
      expect(response.headers.get('Retry-After')).toBe('1')
      expect(JSON.parse(text)).toMatchObject({ code: 'unavailable' })
      expect(text).not.toContain('10.0.0.7')
    },
  )

  test.each(['ECONNRESET', 'CONNECTION_CLOSED', '57P01', '40003'])(
    'an outage (%s) in which it may have been applied is 503 timeout, and asks for no repeat',
    async (code) => {
      const { response, text } = await failing(async () => {
        throw Object.assign(new Error('10.0.0.7'), { code })
      })
      expect(response.status).toBe(503)
      expect(response.headers.get('Retry-After')).toBeNull()
      expect(JSON.parse(text)).toMatchObject({ code: 'timeout' })
      expect(text).not.toContain('10.0.0.7')
    },
  )

  test('so is what the ledger itself calls an outage', async () => {
    const { response, text } = await failing(async () => {
      throw new DatabaseUnavailable(false, new Error('10.0.0.7'))
    })
    expect(response.status).toBe(503)
    expect(text).not.toContain('10.0.0.7')
  })

  test('what hangs is answered at the time limit', async () => {
    const { response, text } = await failing(() => new Promise(() => {}), 0.05)
    expect(response.status).toBe(503)
    expect(JSON.parse(text)).toMatchObject({ code: 'timeout' })
    expect(response.headers.get('Retry-After')).toBeNull()
  })

  test('a refusal keeps its details, in major units', async () => {
    const { app } = edge({
      executor: {
        execute: async () => ({
          ok: false,
          code: 'insufficient_funds',
          replayed: true,
          details: {
            currency: 'USD',
            requiredAmount: 9_007_199_254_740_991n,
            currentBalance: 5_00n,
            shortfall: 9_007_199_254_740_491n,
          },
        }),
      },
    })
    const response = await app.request('/transactions', {
      method: 'POST',
      headers: { ...(await bearer()), 'Content-Type': 'application/json' },
      body: '{"type": "booking_payment", "amount": "90071992547409.91"}',
    })
    expect(response.status).toBe(402)
    expect(response.headers.get('Idempotency-Replayed')).toBe('true')
    const text = await response.text()
    expect(text).toContain('"requiredAmount":90071992547409.91')
    expect(JSON.parse(text).details).toMatchObject({ currency: 'USD', currentBalance: 5 })
  })

  test('an ApiError of ours is passed on as it is', async () => {
    const { response, text } = await failing(async () => {
      throw new ApiError(503, 'shutting_down', 'Try the next one.', { retryAfter: 3 })
    })
    expect(response.headers.get('Retry-After')).toBe('3')
    expect(JSON.parse(text)).toMatchObject({ code: 'shutting_down', message: 'Try the next one.' })
  })
})

describe('over a socket', () => {
  const servers: { close(): void }[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
  })

  async function listen() {
    const { app, commands } = edge()
    const server = createAdaptorServer({ fetch: app.fetch })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    servers.push(server)
    return { commands, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  }

  test('a chunked body is cut off at 64 KiB', async () => {
    const { url, commands } = await listen()
    const headers = { ...(await bearer()), 'Content-Type': 'application/json' }
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const out = request(url + TOPUP, { method: 'POST', headers }, (response) => {
        resolve(response.statusCode)
        out.destroy()
      })
      out.on('error', reject)
      out.write('{"amount": 5, "description": "')
      for (let i = 0; i < 40; i++) out.write('x'.repeat(4096))
      out.end('"}')
    })
    expect(status).toBe(413)
    expect(commands).toEqual([])
  })

  test('a chunked body within the limit is read', async () => {
    const { url, commands } = await listen()
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"amount": 5, "description": "é'))
        controller.enqueue(new TextEncoder().encode('"}'))
        controller.close()
      },
    })
    const response = await fetch(url + TOPUP, {
      method: 'POST',
      headers: { ...(await bearer()), 'Content-Type': 'application/json' },
      body,
      duplex: 'half',
    } as RequestInit)
    expect(response.status).toBe(201)
    expect(commands[0]?.description).toBe('é')
  })

  test('the typed client speaks to it', async () => {
    const { url } = await listen()
    const client = hc<AppType>(url, { headers: await bearer() })
    const response = await client.transactions.topup.$post({ json: { amount: 12.5 } })
    const transaction = await response.json()
    expect(transaction.amount).toBe(12.5)
    expect(transaction.status).toBe('pending')
    expectTypeOf(transaction.amount).toEqualTypeOf<number>()
    expectTypeOf(client.transactions[':id'].refund.$post).toBeCallableWith({
      param: { id: transaction.id },
      json: { amount: '5.00' },
    })
    // @ts-expect-error a field that the schema does not know
    void (() => client.transactions.topup.$post({ json: { amount: 1, admin: true } }))
    // @ts-expect-error a route that there is not
    void (() => client.transactions.theft.$post({}))
  })
})
