import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { Hono } from 'hono'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bearer, edge } from '../support/http/stub.ts'
import { mintToken } from '../support/index.ts'
import { startServer } from '../support/realtime/balance-server.ts'

const TOPUP = '/transactions/topup'

/** Posts a body as it is to the app, whose ledger writes down what it was told. */
async function post(body: string | Uint8Array, headers: Record<string, string> = {}) {
  const { app, commands } = edge()
  const response = await app.request(TOPUP, {
    method: 'POST',
    headers: { ...(await bearer()), 'Content-Type': 'application/json', ...headers },
    body,
  })
  const answer = (await response.json()) as { code?: string; message?: string }
  return { ...answer, status: response.status, headers: response.headers, commands }
}

describe('a body that means different things to different readers is refused', () => {
  test.each([
    ['a key twice', '{"amount":1,"amount":500}'],
    ['a key twice with one value', '{"amount":1,"amount":1}'],
    ['a key twice, once escaped', '{"amount":1,"\\u0061mount":500}'],
    ['a key twice beside a long number', '{"amount":1,"amount":500.00000000000000000}'],
    ['a key twice further in', '{"amount":1,"metadata":[{"a":{"b":1,"b":2}}]}'],
    ['a key twice behind strings with colons', '{"description":"\\":{\\\\","amount":1,"amount":2}'],
    ['a prototype twice', '{"__proto__":1,"__proto__":2,"amount":5}'],
  ])('%s', async (_, body) => {
    const { status, code, commands } = await post(body)
    expect([status, code, commands]).toEqual([400, 'invalid_request', []])
  })

  test.each([
    ['a lone continuation byte', [0x80]],
    ['a letter of ISO 8859-1', [0xe9]],
    ['half of a character', [0xc3]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['half of a surrogate pair', [0xed, 0xa0, 0x80]],
  ])('%s in UTF-8', async (_, bytes) => {
    const body = Buffer.concat([
      Buffer.from('{"amount":5,"description":"caf'),
      Buffer.from(bytes),
      Buffer.from('"}'),
    ])
    for (const headers of [{ 'Content-Length': String(body.length) }, {}]) {
      const { status, code, message, commands } = await post(body, headers)
      expect([status, code, commands]).toEqual([400, 'invalid_request', []])
      expect(message).toContain('UTF-8')
    }
  })

  test.each(['gzip', 'br', 'GZIP, identity'])('%s', async (encoding) => {
    const { status, code, message, headers, commands } = await post(
      gzipSync('{"amount":5}') as Uint8Array,
      { 'Content-Encoding': encoding },
    )
    expect([status, code, commands]).toEqual([415, 'unsupported_media_type', []])
    expect(message).toContain('uncompressed')
    expect(headers.get('Accept-Encoding')).toBe('identity')
  })
})

test('a body that is merely unusual is taken', async () => {
  const rows: [string, string?][] = [
    ['{"description":"a: \\"b\\": {c: d}, \\\\","amount":5}'],
    ['{"amount":5.00000000000000000000,"description":"::"}'],
    ['{"amount":5,"description":"💥 caf\u00e9 \ufffd"}'],
    ['{"amount":5}', 'Identity'],
  ]
  for (const [body, encoding] of rows) {
    const headers = encoding ? { 'Content-Encoding': encoding } : undefined
    const { status, commands } = await post(body, headers)
    expect([status, commands[0]?.amount]).toEqual([201, 500n])
    expect(commands[0]?.description).toBe(JSON.parse(body).description)
  }
})

test('a body that is nested as deeply as its bytes allow is refused as any other', async () => {
  const nested = `{"amount":${'[{"a":'.repeat(8_000)}5${'}]'.repeat(8_000)}}`
  expect(await post(nested)).toMatchObject({ status: 400, code: 'invalid_amount' })
})

/** Sends a request as it is written here, and gives the answer once the connection was closed. */
async function send(url: string, target: string, headers: string[], method = 'GET') {
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  onTestFinished(() => void socket.destroy())
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: localhost', ...headers]
  let answer = ''
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text
  })
  socket.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'))
  await once(socket, 'close')
  return answer
}

const UPGRADE = [
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

/** Every way in; `Connection` comes last. */
const WAYS: [string, string, string, string[]][] = [
  ['a call', 'POST', '/echo', ['Connection: close', 'Content-Length: 0']],
  ['an event stream', 'GET', '/balance/stream', ['Connection: close']],
  ['a WebSocket', 'GET', '/balance', ['Connection: Upgrade', ...UPGRADE]],
  ['long polling', 'GET', '/socket.io/?EIO=4&transport=polling', ['Connection: close']],
  [
    'a WebSocket of Socket.IO',
    'GET',
    '/socket.io/?EIO=4&transport=websocket',
    ['Connection: Upgrade', ...UPGRADE],
  ],
]

describe.each(WAYS)('%s', (_, method, target, connection) => {
  const start = () => startServer({ routes: new Hono().post('/echo', (c) => c.text('done')) })

  const expectRefused = (answer: string, message: string) => {
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    expect(answer).toContain('"code":"invalid_request"')
    expect(answer).toContain(message)
  }

  test.each([
    ['Idempotency-Key', ['Idempotency-Key: a', 'idempotency-key: b']],
    ['Idempotency-Key, the same one', ['Idempotency-Key: a', 'Idempotency-Key: a']],
    ['Content-Type', ['Content-Type: application/json', 'Content-Type: text/plain']],
    ['Last-Event-ID', ['Last-Event-ID: e:1', 'Last-Event-ID: e:2']],
    ['Host', ['HOST: example.com']],
  ])('takes one header of a name: %s', async (__, headers) => {
    const { url } = await start()
    const answer = await send(url, target, [...headers, ...connection], method)
    expectRefused(answer, 'more than one')
  })

  test('takes one token', async () => {
    const { url } = await start()
    const tokens = await Promise.all(['alice', 'bob'].map((sub) => mintToken({ sub })))
    const headers = tokens.map((token) => `Authorization: Bearer ${token}`)
    expectRefused(await send(url, target, [...headers, ...connection], method), 'authorization')
    const query = tokens.map((token) => `token=${token}`).join('&')
    const twice = `${target}${target.includes('?') ? '&' : '?'}${query}`
    expectRefused(await send(url, twice, connection, method), 'more than once')
  })

  test.each(['%ff', '%', '%e9', '%c0%af', '%ed%a0%80'])(
    'takes no text that is no UTF-8: %s',
    async (text) => {
      const { url } = await start()
      const mark = target.includes('?') ? '&' : '?'
      const answer = await send(url, `${target}${mark}currency=${text}`, connection, method)
      expectRefused(answer, 'UTF-8')
      const inPath = await send(url, `/${text}${target}`, connection, method)
      expectRefused(inPath, 'UTF-8')
    },
  )
})

test('headers that lists are made of, and text in UTF-8, come through', async () => {
  const { url } = await startServer({
    routes: new Hono().get('/:text', (c) => c.json([c.req.param('text'), c.req.query('x')])),
  })
  const headers = ['X-Forwarded-For: 10.0.0.1', 'X-Forwarded-For: 10.0.0.2', 'Connection: close']
  const answer = await send(url, '/caf%C3%A9?x=%F0%9F%92%A5&y=%25', headers)
  expect(answer).toContain('["café","💥"]')
})
