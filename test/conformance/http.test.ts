import { gzipSync } from 'node:zlib'
import { describe, expect } from 'vitest'
import { openWire, People, type Person, payment, request } from '../support/conformance/api.ts'
import { test as base, conformance, isEdge } from '../support/conformance/fixtures.ts'
import { eventually } from '../support/index.ts'

/** A server whose pages of one other origin may call it. */
const test = base
  .extend('server', { scope: 'file' }, ({ startServer }) =>
    startServer({ CORS_ORIGINS: 'https://app.example' }),
  )
  .extend('people', { scope: 'file' }, ({ server }) => new People(server.url))

const JSON_TYPE = { 'Content-Type': 'application/json' }
const topup = (
  user: Person,
  raw: string | Uint8Array<ArrayBuffer> | ReadableStream,
  headers = {},
) => user.call('POST', '/transactions/topup', { raw, headers: { ...JSON_TYPE, ...headers } })

/** The answer of a connection that the server closes after it. */
async function exchange(url: string, head: string[], body = ''): Promise<string> {
  const wire = openWire(url)
  wire.write([...head, 'Connection: close', '', body].join('\r\n'))
  await wire.closed
  return wire.received()
}

conformance('HTTP', () => {
  describe('a body', () => {
    test.for<[string, string | Uint8Array<ArrayBuffer>]>([
      ['that is not JSON', '{"amount":'],
      ['with a key twice', '{"amount":1,"amount":2}'],
      ['that is not UTF-8', new Uint8Array([0x22, 0xc3, 0x28, 0x22])],
      ['with an unknown field', '{"amount":1,"more":1}'],
      ['with too many decimals', '{"amount":1.001}'],
    ])('%s: 400, and nothing is written', async ([_, raw], { people }) => {
      const user = await people.user()
      expect((await topup(user, raw)).status).toBe(400)
      expect((await user.get('/transactions/my-transactions')).body.items).toEqual([])
    })

    test('that is not declared as JSON, or compressed: 415', async ({ people }) => {
      const user = await people.user()
      const plain = await topup(user, '{"amount":1}', { 'Content-Type': 'text/plain' })
      expect([plain.status, plain.body.code]).toEqual([415, 'unsupported_media_type'])
      const compressed = await topup(user, new Uint8Array(gzipSync('{"amount":1}')), {
        'Content-Encoding': 'gzip',
      })
      expect([compressed.status, compressed.headers.get('accept-encoding')]).toEqual([
        415,
        'identity',
      ])
    })

    test('of more than 64 KiB: 413, with and without a length', async ({ people }) => {
      const user = await people.user()
      const large = JSON.stringify({ amount: 1, description: 'x'.repeat(66_000) })
      const declared = await topup(user, large)
      expect([declared.status, declared.body.code]).toEqual([413, 'payload_too_large'])
      const chunked = await topup(user, new Blob([large]).stream())
      expect([chunked.status, chunked.body.code]).toEqual([413, 'payload_too_large'])
    })

    test('in chunks is one body', async ({ people }) => {
      const user = await people.user()
      expect((await topup(user, new Blob(['{"amount":', '7}']).stream())).status).toBe(201)
    })
  })

  describe('a request that could be read in two ways: 400', () => {
    test.skipIf(isEdge)('a header twice', async ({ people }) => {
      const { token } = await people.user()
      const answer = await exchange(people.url, [
        'GET /transactions/balance HTTP/1.1',
        'Host: localhost',
        `Authorization: Bearer ${token}`,
        'Authorization: Bearer other',
      ])
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      expect(answer).toContain('"code":"invalid_request"')
    })

    test.for(['?limit=1&limit=2', '?type=%ff', '?%zz'])(
      'the query %s',
      async (query, { people }) => {
        const user = await people.user()
        const answer = await user.get(`/transactions/my-transactions${query}`)
        expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request'])
      },
    )

    test.skipIf(isEdge)('a length and chunks', async ({ people }) => {
      const answer = await exchange(
        people.url,
        [
          'POST /transactions/topup HTTP/1.1',
          'Host: localhost',
          'Content-Length: 5',
          'Transfer-Encoding: chunked',
        ],
        '0\r\n\r\n',
      )
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    })
  })

  describe.skipIf(isEdge)('a connection', () => {
    test('carries several requests, answered in their order', async ({ people }) => {
      const wire = openWire(people.url)
      const ask = (id: number) =>
        `GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: r${id}\r\n\r\n`
      wire.write([1, 2, 3].map(ask).join(''))
      await eventually(() => {
        const ids = [...wire.received().matchAll(/^x-request-id: (\S+)/gim)].map(([, id]) => id)
        expect(ids).toEqual(['r1', 'r2', 'r3'])
      })
    })

    test('of HTTP/1.0 without a Host gets its answer', async ({ people }) => {
      const wire = openWire(people.url)
      wire.write('GET /health/live HTTP/1.0\r\n\r\n')
      await wire.closed
      expect(wire.received()).toMatch(/^HTTP\/1\.[01] 200 /)
    })

    test('that offers another upgrade gets its answer over HTTP/1.1', async ({ people }) => {
      const wire = openWire(people.url)
      wire.write(
        [
          'GET /health/live HTTP/1.1',
          'Host: localhost',
          'Connection: Upgrade, HTTP2-Settings',
          'Upgrade: h2c',
          'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
          '',
          '',
        ].join('\r\n'),
      )
      await eventually(() =>
        expect(wire.received()).toMatch(/^HTTP\/1\.1 200 [\s\S]*"status":"live"/),
      )
    })
  })

  describe('pages of other origins', () => {
    const url = (people: People) => `${people.url}/transactions/balance`

    test('of the configured one may call, and read the answer', async ({ people }) => {
      const preflight = await request(url(people), 'OPTIONS', {
        headers: {
          Origin: 'https://app.example',
          'Access-Control-Request-Method': 'POST',
          'Access-Control-Request-Headers': 'authorization,idempotency-key',
        },
      })
      expect(preflight.status).toBe(204)
      expect(Object.fromEntries(preflight.headers)).toMatchObject({
        'access-control-allow-origin': 'https://app.example',
        'access-control-allow-headers': expect.stringContaining('Idempotency-Key'),
      })
      const { headers } = await request(url(people), 'GET', {
        headers: { Origin: 'https://app.example' },
      })
      expect(headers.get('access-control-allow-origin')).toBe('https://app.example')
      expect(headers.get('vary')).toContain('Origin')
    })

    test('of another one may not', async ({ people }) => {
      const { headers } = await request(url(people), 'GET', {
        headers: { Origin: 'https://evil.example' },
      })
      expect(headers.get('access-control-allow-origin')).toBeNull()
    })
  })

  test('a client that leaves in the middle of its request harms nobody', async ({ people }) => {
    const user = await people.payer(5)
    const wire = openWire(people.url)
    wire.write(
      `POST /transactions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${user.token}\r\nContent-Length: 100\r\n\r\n{"type"`,
    )
    const abort = new AbortController()
    const left = fetch(`${people.url}/transactions/export?format=csv`, {
      headers: { Authorization: `Bearer ${user.token}` },
      signal: abort.signal,
    })
    abort.abort()
    await expect(left).rejects.toThrow()
    expect((await user.post('/transactions', payment(1))).status).toBe(201)
  })
})
