import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { bearer, edge, listen } from '../support/http/stub.ts'

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

describe('a chunked body', () => {
  test('is cut off at 64 KiB', async () => {
    const { app, commands } = edge()
    const url = await listen(app)
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

  test('within the limit is read', async () => {
    const { app, commands } = edge()
    const url = await listen(app)
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
})
