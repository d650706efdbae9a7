import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import { io } from 'socket.io-client'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { LOCAL_PAGES } from '../../src/lib/origins.ts'
import { NO_TENANTS } from '../../src/tenants/tenant.ts'
import { startServer, tokenOf } from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'

const ALLOWED = 'https://app.example.com'

type Headers = Record<string, string>

/** The HTTP status of a connection attempt; 101 for a WebSocket that opened. */
const attempts: Record<string, (url: string, token: string, headers: Headers) => Promise<number>> =
  {
    SSE: (url, token, headers) => statusOf(`${url}/balance/stream?token=${token}`, headers),
    'Socket.IO, polling': (url, _, headers) =>
      statusOf(`${url}/socket.io/?EIO=4&transport=polling`, headers),
    'Socket.IO, WebSocket': (url, _, headers) =>
      upgrade(`${url}/socket.io/?EIO=4&transport=websocket`, headers),
    WebSocket: (url, token, headers) => upgrade(`${url}/balance?token=${token}`, headers),
  }

/** Not by `fetch`, which may not set an Origin. */
async function statusOf(url: string, headers: Headers): Promise<number> {
  const out = request(url, { headers }).end()
  const [response] = await once(out, 'response')
  out.destroy()
  return response.statusCode
}

function upgrade(url: string, headers: Headers): Promise<number> {
  const socket = new WebSocket(url.replace('http', 'ws'), { headers })
  socket.on('error', () => {})
  return new Promise((resolve) => {
    socket.on('unexpected-response', (_, response) => resolve(response.statusCode ?? 0))
    socket.on('open', () => {
      socket.terminate()
      resolve(101)
    })
  })
}

describe.each(Object.entries(attempts))('%s', (_, attempt) => {
  const opened = [200, 101]

  test('opens to pages of the listed origins and of our own host, and to programs, which send none', async () => {
    const { url } = await startServer({ corsOrigins: [ALLOWED] })
    const token = await tokenOf(ALICE)
    for (const headers of [{ Origin: ALLOWED }, { Origin: url }, {}] as Headers[]) {
      expect(opened).toContain(await attempt(url, token, headers))
    }
  })

  test.each([
    'https://evil.example.com',
    'https://app.example.com.evil.example.com',
    'http://app.example.com',
    'https://app.example.com:444',
    // A page in a sandbox, or from a file.
    'null',
    'app.example.com',
  ])('stays shut to a page of %s, though it has a token', async (origin) => {
    const { url } = await startServer({ corsOrigins: [ALLOWED] })
    expect(await attempt(url, await tokenOf(ALICE), { Origin: origin })).toBe(403)
  })

  test('opens to every page of this machine where those are listed', async () => {
    const { url } = await startServer({ corsOrigins: [LOCAL_PAGES] })
    const token = await tokenOf(ALICE)
    expect(opened).toContain(await attempt(url, token, { Origin: 'http://localhost:5173' }))
    expect(await attempt(url, token, { Origin: 'http://localhost.example.com' })).toBe(403)
  })
})

test.each([
  ['SSE', '/balance/stream'],
  ['Socket.IO', '/socket.io/?EIO=4&transport=polling'],
])('a page may read why %s is refused, and the log names its origin once', async (_, path) => {
  const logged: object[] = []
  const logger = Object.assign(pino({ level: 'silent' }), {
    warn: (fields: object, text: string) => void logged.push({ ...fields, text }),
  })
  const { url } = await startServer({ corsOrigins: [ALLOWED], logger })
  for (let i = 0; i < 2; i++) {
    const out = request(url + path, { headers: { Origin: 'http://localhost:5173' } }).end()
    const [answer] = await once(out, 'response')
    expect(answer.headers['access-control-allow-origin']).toBe('*')
    expect(JSON.parse(await text(answer))).toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('CORS_ORIGINS'),
    })
  }
  expect(logged).toEqual([
    { origin: 'http://localhost:5173', text: expect.stringContaining('CORS_ORIGINS') },
  ])
})

test('a request without an Origin needs a credential of its own: none is ambient', async () => {
  const { url } = await startServer({ corsOrigins: [ALLOWED] })
  expect(await upgrade(`${url}/balance`, {})).toBe(401)
  expect(await statusOf(`${url}/balance/stream`, { Cookie: `token=${await tokenOf(ALICE)}` })).toBe(
    401,
  )
  const Authorization = `Bearer ${await tokenOf(ALICE)}`
  expect(await upgrade(`${url}/balance`, { Authorization })).toBe(101)
})

const ACME = 'https://acme.example.com'

/** As `attempts`, with the token: 200 or 101 once the stream is open. Socket.IO hears of its token in a session. */
const streams: typeof attempts = {
  SSE: (url, token, headers) => statusOf(`${url}/balance/stream?token=${token}`, headers),
  WebSocket: (url, token, headers) => upgrade(`${url}/balance?token=${token}`, headers),
  'Socket.IO': (url, token, extraHeaders) => {
    const socket = io(`${url}/balance`, {
      ...{ auth: { token }, extraHeaders, transports: ['websocket'] },
      ...{ reconnection: false, forceNew: true },
    })
    return new Promise((resolve) => {
      socket.on('balance_initial', () => {
        socket.close()
        resolve(101)
      })
      socket.on('connect_error', (error) => {
        resolve((error as Error & { data?: { code: string } }).data?.code === 'forbidden' ? 403 : 0)
      })
    })
  },
}

test.each(Object.entries(streams))(
  '%s: a tenant with origins of its own lets in only their pages, and no other tenant does',
  async (_, attempt) => {
    const { url } = await startServer({
      corsOrigins: [ALLOWED],
      tenants: {
        ...NO_TENANTS,
        settingsOf: (tenant) => (tenant === 'acme' ? { allowedOrigins: [ACME] } : {}),
        origins: [ACME],
      },
    })
    const opened = [200, 101]
    const tokens = {
      theirs: await tokenOf({ ...ALICE, tenant: 'acme' }),
      others: await tokenOf(ALICE),
    }
    for (const [token, Origin, opens] of [
      [tokens.theirs, ACME, true],
      [tokens.theirs, ALLOWED, false],
      [tokens.others, ALLOWED, true],
      [tokens.others, ACME, false],
      [tokens.theirs, url, true],
      [tokens.theirs, 'https://evil.example.com', false],
    ] as const) {
      const status = await attempt(url, token, { Origin })
      // Socket.IO's server refuses an origin that nobody lists before it knows of a token.
      const refused = Origin.includes('evil') ? [403, 0] : [403]
      expect([Origin, (opens ? opened : refused).includes(status)]).toEqual([Origin, true])
    }
    // Programs send none.
    expect(opened).toContain(await attempt(url, tokens.theirs, {}))
  },
)
