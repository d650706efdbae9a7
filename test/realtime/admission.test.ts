import { once } from 'node:events'
import { connect } from 'node:net'
import { pino } from 'pino'
import { io } from 'socket.io-client'
import { describe, expect, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { BASE_HEADERS } from '../../src/http/middleware/observe.ts'
import { sleep } from '../../src/lib/timeout.ts'
import { eventually, mintToken } from '../support/index.ts'
import {
  connectBy,
  startServer,
  TRANSPORTS,
  type Transport,
  tokenOf,
} from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'
import { test } from '../support/realtime/fixtures.ts'

/** The part of a rejection that each transport shows. */
const refused = {
  'Socket.IO': (_status: number, code: string) => ({ code }),
  SSE: (status: number) => ({ status }),
  WebSocket: (status: number) => ({ status }),
}

/** Writes a raw request. Resolves with the whole response once the server closes. */
async function raw(url: string, lines: string[]): Promise<string> {
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.on('data', (bytes) => {
    answer += bytes
  })
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  await once(socket, 'close')
  return answer
}

const UPGRADE = [
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

describe.each(TRANSPORTS)('%s', (transport: Transport) => {
  const connectTo = connectBy[transport]

  test.for<[string, string, string]>([
    ['no token', '', 'unauthorized'],
    ['a token that is none', 'nonsense', 'unauthorized'],
    ['an unknown ticket', 'lbt_unknown', 'unauthorized'],
  ])('%s is refused', async ([_, token, code], { testServer }) => {
    const { url } = testServer
    expect(await connectTo(url, token).failure).toMatchObject(refused[transport](401, code))
  })

  test('an expired token is refused', async ({ testServer }) => {
    const { url } = testServer
    const { failure } = connectTo(url, await tokenOf(ALICE, -1))
    expect(await failure).toMatchObject(refused[transport](401, 'token_expired'))
  })

  test('a ticket opens one connection, and only one', async ({ testServer }) => {
    const { url, gateway } = testServer
    const expiresAt = Math.floor(Date.now() / 1000) + 3600
    const principal = { ...ALICE, isAdmin: false, isService: false, expiresAt }
    const { ticket } = await gateway.tickets.issue(principal)
    const first = connectTo(url, ticket)
    await eventually(() => expect(first.received[0]?.event).toBe('balance_initial'))
    const second = connectTo(url, ticket)
    expect(await second.failure).toMatchObject(refused[transport](401, 'unauthorized'))
  })

  test('a user may have up to the limit of connections, and another when one closes', async () => {
    const { url } = await startServer({ connectionsPerUser: 2 })
    const token = await tokenOf(ALICE)
    const [first, second] = [connectTo(url, token), connectTo(url, token)]
    await eventually(() => {
      expect([first.received.length, second.received.length]).toEqual([1, 1])
    })
    const { failure } = connectTo(url, token)
    expect(await failure).toMatchObject(refused[transport](429, 'too_many_connections'))
    first.close()
    await eventually(async () => {
      const client = connectTo(url, token)
      const { received } = client
      const accepted = eventually(() => expect(received).toHaveLength(1)).then(() => 'received')
      expect(await Promise.race([accepted, client.failure.then(() => 'refused')])).toBe('received')
    })
  })

  test('an unknown currency is refused', async ({ testServer }) => {
    const { url } = testServer
    const { failure } = connectTo(url, await tokenOf(ALICE), { currency: 'XYZ' })
    expect(await failure).toMatchObject(refused[transport](400, 'invalid_request'))
  })

  test('gets token_expiring a minute before its token expires, and is closed when it does', async ({
    testServer,
  }) => {
    const { url, gateway } = testServer
    const client = connectTo(url, await tokenOf(ALICE, 3))
    await eventually(() => {
      expect(client.received[1]).toEqual({
        event: 'token_expiring',
        data: { expiresAt: expect.stringMatching(/^\d{4}-.*Z$/) },
      })
    })
    await client.failure
    expect(client.received.at(-1)).toMatchObject({
      event: 'error',
      data: { code: 'token_expired' },
    })
    await eventually(() => expect(gateway.users).toBe(0))
  })
})

describe.each(['Socket.IO', 'WebSocket'] as const)('%s', (transport) => {
  test('stays open when it sends a fresh token of the same user in time', async ({
    testServer,
  }) => {
    const { url } = testServer
    const client = connectBy[transport](url, await tokenOf(ALICE, 2))
    await eventually(() => expect(client.received).toHaveLength(1))
    const stranger = await mintToken({ sub: 'mallory' })
    client.send('authenticate', stranger)
    await eventually(() => {
      expect(client.received.at(-1)).toMatchObject({ event: 'error', data: { code: 'forbidden' } })
    })
    client.send('authenticate', await tokenOf(ALICE, 3600))
    await eventually(() => expect(client.received.at(-1)?.event).toBe('authenticated'))
    const closed = client.failure.then(() => 'closed')
    // Longer than the lifetime of the first token.
    const stays = sleep(3500).then(() => 'open')
    expect(await Promise.race([closed, stays])).toBe('open')
  })

  test('that sends wrong token after wrong token gets an error, and is closed', async ({
    testServer,
  }) => {
    const { url, gateway } = testServer
    const client = connectBy[transport](url, await tokenOf(ALICE))
    await eventually(() => expect(client.received).toHaveLength(1))
    for (let i = 1; i <= 6; i++) {
      client.send('authenticate', `wrong-${i}`)
      await eventually(() => expect(client.received.length).toBeGreaterThan(i))
    }
    const codes = client.received.slice(1).map(({ data }) => data.code)
    expect(codes.slice(0, 6)).toEqual([...Array(5).fill('unauthorized'), 'rate_limited'])
    await client.failure
    await eventually(() => expect(gateway.users).toBe(0))
  })

  test('that sends too many messages gets an error, and is closed', async () => {
    const { url } = await startServer({ messagesPerSecond: 5 })
    const client = connectBy[transport](url, await tokenOf(ALICE))
    await eventually(() => expect(client.received).toHaveLength(1))
    for (let i = 0; i < 20; i++) client.send('subscribe_balance')
    await client.failure
    expect(client.received.at(-1)).toMatchObject({ event: 'error', data: { code: 'rate_limited' } })
  })

  test('that sends a message of more than 16 KiB is closed', async ({ testServer }) => {
    const { url } = testServer
    const client = connectBy[transport](url, await tokenOf(ALICE))
    await eventually(() => expect(client.received).toHaveLength(1))
    client.send('authenticate', 'x'.repeat(20_000))
    await client.failure
  })
})

describe('an upgrade', () => {
  test('to another path is 404, at once, on a closed socket', async ({ testServer }) => {
    const { url } = testServer
    const answer = await raw(url, ['GET /elsewhere HTTP/1.1', ...UPGRADE])
    expect(answer).toMatch(/^HTTP\/1\.1 404 Not Found\r\nConnection: close\r\n/)
    expect(answer).toContain('"code":"not_found"')
  })

  test('that is refused is answered as the app would: the envelope, and every header', async () => {
    const corsOrigins = ['https://app.example.com']
    const { url } = await startServer({ corsOrigins })
    const asked = ['X-Request-Id: upgrade-1', 'Origin: https://app.example.com']
    const answer = await raw(url, ['GET /balance HTTP/1.1', ...UPGRADE, ...asked])
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    const lines = head.split('\r\n')
    expect(JSON.parse(body)).toEqual({
      code: 'unauthorized',
      message: expect.any(String),
      requestId: 'upgrade-1',
      details: { reason: 'missing' },
    })
    expect(lines[0]).toBe('HTTP/1.1 401 Unauthorized')
    for (const [name, value] of Object.entries(BASE_HEADERS)) {
      expect(lines).toContain(`${name}: ${value}`)
    }
    expect(lines).toEqual(
      expect.arrayContaining([
        'X-Request-Id: upgrade-1',
        'WWW-Authenticate: Bearer',
        'Access-Control-Allow-Origin: https://app.example.com',
        'Vary: Origin',
      ]),
    )
  })

  test("from a page of another origin is 403; from the server's own or an allowed origin it is not", async () => {
    const { url } = await startServer({ corsOrigins: ['https://app.example.com'] })
    const token = await tokenOf(ALICE)
    const path = `GET /balance?token=${token} HTTP/1.1`
    const evil = await raw(url, [path, ...UPGRADE, 'Origin: https://evil.example'])
    expect(evil).toMatch(/^HTTP\/1\.1 403 /)
    for (const origin of ['https://app.example.com', url]) {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/balance?token=${token}`, {
        origin,
      })
      await once(socket, 'open')
      socket.terminate()
    }
  })

  test('of a client that resets while its token is checked harms no other client', async ({
    testServer,
  }) => {
    const { url, change } = testServer
    const { port, hostname } = new URL(url)
    const token = await tokenOf(ALICE)
    for (let i = 0; i < 20; i++) {
      const socket = connect(Number(port), hostname)
      socket.write(`${[`GET /balance?token=${token} HTTP/1.1`, ...UPGRADE].join('\r\n')}\r\n\r\n`)
      // The client leaves at different moments of the handshake.
      await sleep(i % 4)
      socket.resetAndDestroy()
    }
    const client = connectBy.WebSocket(url, token)
    await change(ALICE, 1n)
    await eventually(() => expect(client.received.length).toBeGreaterThan(0))
  })
})

describe('the document’s own lines', () => {
  test('io(url + "/balance?token=…") connects', async ({ testServer }) => {
    const { url } = testServer
    const socket = io(`${url}/balance?token=${await tokenOf(ALICE)}`)
    onTestFinished(() => void socket.close())
    const balance = new Promise((resolve) => {
      socket.on('balance_initial', (data) => resolve(data.balance))
    })
    expect(await balance).toBe(0)
  })

  test('an Authorization header does as well', async ({ testServer }) => {
    const { url } = testServer
    const headers = { authorization: `Bearer ${await tokenOf(ALICE)}` }
    const socket = io(`${url}/balance`, { extraHeaders: headers, forceNew: true })
    onTestFinished(() => void socket.close())
    await new Promise((resolve) => socket.on('balance_initial', resolve))
    const answer = await fetch(`${url}/balance/stream`, { headers })
    expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(answer.headers.get('cache-control')).toBe('no-cache, no-transform')
    expect(answer.headers.get('x-accel-buffering')).toBe('no')
    await answer.body?.cancel()
  })

  test.for([
    [undefined, 'missing'],
    [null, 'missing'],
    [5, 'malformed'],
    [{ token: 'here' }, 'malformed'],
    ['two words', 'malformed'],
    ['lbt_unknown', 'ticket'],
  ])('auth.token %j is refused with the reason %s', async ([token, reason], { testServer }) => {
    const { url } = testServer
    const socket = io(`${url}/balance`, { auth: { token }, forceNew: true })
    onTestFinished(() => void socket.close())
    const error = await new Promise((resolve) => socket.on('connect_error', resolve))
    expect(error).toMatchObject({ data: { code: 'unauthorized', details: { reason } } })
  })

  test('an acknowledgement callback is answered too', async ({ testServer }) => {
    const { url, change } = testServer
    await change(ALICE, 15_050n)
    const socket = io(`${url}/balance`, { auth: { token: await tokenOf(ALICE) }, forceNew: true })
    onTestFinished(() => void socket.close())
    expect(await socket.emitWithAck('get_current_balance')).toMatchObject({ balance: 150.5 })
    expect(await socket.emitWithAck('subscribe_balance')).toEqual({ currency: 'USD' })
  })

  test('connections and broadcasts are logged in its words, and no token ever is', async () => {
    const lines: string[] = []
    const logger = pino({ level: 'trace' }, { write: (line) => void lines.push(line) })
    const { url, change } = await startServer({ logger })
    const abc = { tenant: 'default', userId: 'abc123' }
    const token = await tokenOf(abc)
    const clients = TRANSPORTS.map((transport) => connectBy[transport](url, token))
    await eventually(() => {
      for (const { received } of clients) expect(received).toHaveLength(1)
    })
    await change(abc, 15_000n)
    await eventually(() => {
      expect(lines.join('')).toContain(
        '[BalanceGateway] Broadcasting balance update to user abc123: 150"',
      )
    })
    const log = lines.join('')
    expect(log.match(/\[BalanceGateway\] Client \S+ connected to balance updates"/g)).toHaveLength(
      3,
    )
    expect(log).not.toContain(token)
  })
})
