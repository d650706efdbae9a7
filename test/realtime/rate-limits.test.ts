import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { BASE_HEADERS } from '../../src/http/middleware/observe.ts'
import { RateLimiter, type Rates } from '../../src/rate-limit/limiter.ts'
import { MemoryRates } from '../../src/realtime/bus/memory-bus.ts'
import { eventually } from '../support/index.ts'
import { connectBy, startServer, TRANSPORTS, tokenOf } from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'

const OFF = { reads: 0, writes: 0, handshakes: 0 }

function start(perUser: Partial<Rates>, perAddress: Partial<Rates> = {}) {
  const limiter = new RateLimiter({
    store: new MemoryRates(),
    perUser: { ...OFF, ...perUser },
    perAddress: { ...OFF, ...perAddress },
    trustProxy: 0,
  })
  return startServer({ limiter })
}

const opened = async (client: { received: { event: string }[] }) => {
  await eventually(() => expect(client.received[0]?.event).toBe('balance_initial'))
}

const lowerCase = (headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

test('a user’s streams come out of one budget, whatever the transport', async () => {
  const { url } = await start({ handshakes: 3 })
  for (const how of TRANSPORTS) await opened(connectBy[how](url, await tokenOf(ALICE)))
  for (const how of TRANSPORTS) {
    const refused = await connectBy[how](url, await tokenOf(ALICE)).failure
    const expected = how === 'Socket.IO' ? { code: 'rate_limited' } : { status: 429 }
    expect(refused).toMatchObject(expected)
  }
  await opened(connectBy.SSE(url, await tokenOf({ ...ALICE, userId: 'bob' })))
})

test.each(TRANSPORTS)('%s: a failed handshake counts ten times', async (how) => {
  const { url } = await start({}, { handshakes: 11 })
  await connectBy[how](url, 'nonsense').failure
  const answer = await fetch(`${url}/balance/stream?token=${await tokenOf(ALICE)}`)
  // Socket.IO's session was counted before authentication.
  expect(answer.status).toBe(how === 'Socket.IO' ? 429 : 200)
  await answer.body?.cancel()
  const again = await fetch(`${url}/balance/stream?token=${await tokenOf(ALICE)}`)
  expect(again.status).toBe(429)
})

test('Socket.IO sessions count before they are authenticated, on both of its transports', async () => {
  const { url } = await start({}, { handshakes: 2 })
  const poll = () => fetch(`${url}/socket.io/?EIO=4&transport=polling`)
  const first = await poll()
  const sid = JSON.parse((await first.text()).slice(1)).sid
  expect((await poll()).status).toBe(200)
  const refused = await poll()
  expect(refused.status).toBe(429)
  // A request that names no session opens one, however it is written.
  const disguises: [query: string, status: number][] = [
    ['&sid=', 429],
    ['&x=?sid=1', 429],
    // A repeated parameter is rejected before its value is read.
    ['&sid=1&sid=', 400],
  ]
  for (const [disguise, status] of disguises) {
    const answer = await fetch(`${url}/socket.io/?EIO=4&transport=polling${disguise}`)
    expect([disguise, answer.status]).toEqual([disguise, status])
  }
  const wait = Number(refused.headers.get('Retry-After'))
  expect(wait).toBeGreaterThan(0)
  const limits = {
    'ratelimit-policy': '"handshakes-by-address";q=2;w=60',
    ratelimit: `"handshakes-by-address";r=0;t=${wait}`,
  }
  const headers = Object.fromEntries(refused.headers)
  expect(headers).toMatchObject({ ...limits, ...lowerCase(BASE_HEADERS) })
  expect(await refused.json()).toMatchObject({
    code: 'rate_limited',
    requestId: headers['x-request-id'],
  })
  const socket = new WebSocket(
    `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`,
  ).on('error', () => {})
  const [, upgrade] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  expect(upgrade.statusCode).toBe(429)
  expect(upgrade.headers).toMatchObject({
    'ratelimit-policy': limits['ratelimit-policy'],
    ratelimit: `"handshakes-by-address";r=0;t=${upgrade.headers['retry-after']}`,
  })
  // An open session continues.
  const posted = await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, {
    method: 'POST',
    body: '40/balance,',
  })
  expect(posted.status).toBe(200)
})
