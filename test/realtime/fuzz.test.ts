import { once } from 'node:events'
import { connect } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { pino } from 'pino'
import { afterAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { SENT } from '../../src/api-docs/events.ts'
import { eventually } from '../support/index.ts'
import {
  connectBy,
  startServer,
  type TestServer,
  TRANSPORTS,
  tokenOf,
} from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'
import {
  handshake,
  type Message,
  socketIoEvent,
  socketIoPacket,
  webSocketMessage,
} from '../support/realtime/malformed.ts'

const MESSAGES = 4000
const PACKETS = 500
const FRAMES = 300
const HANDSHAKES = 1500
/** Sent without waiting for the connection to be joined. */
const BURST = 25
const WIDTH = 20
const SEED = 20_251_104

const MALLORY = { tenant: 'default', userId: 'mallory' }

/** The close codes of ws and Engine.IO: normal, none given, and the protocol errors (RFC 6455, 7.4.1). */
const CODES = [1000, 1005, 1002, 1003, 1007, 1009]

const LEAKS = /\bat .+:\d+:\d+|node_modules|\/src\/|TypeError|undefined/

const counts: string[] = []
afterAll(() => console.log(`fuzz of the streams: ${counts.join(', ')}`))

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function heap(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

/** A server that must log no error, with a second client on each transport that must get every event. */
async function open() {
  const errors: string[] = []
  const logger = pino({ level: 'error' }, { write: (line) => void errors.push(line) })
  const limits = { messagesPerSecond: 1e9, connectionsPerUser: 1e6 }
  const server = await startServer({ ...limits, logger })
  const token = await tokenOf(ALICE)
  const neighbours = TRANSPORTS.map((transport) => connectBy[transport](server.url, token))
  await eventually(() => {
    for (const { received } of neighbours) expect(received).toHaveLength(1)
  })
  let changes = 0
  const live = async () => {
    await server.change(ALICE, 1n)
    changes += 1
  }
  const unharmed = async () => {
    await live()
    const all = Array.from({ length: 2 * changes }, (_, i) => i + 1)
    await eventually(() => {
      for (const client of neighbours) expect(client.seqs()).toEqual(all)
    })
    expect(errors).toEqual([])
  }
  return { server, live, unharmed }
}

/** An event as documented, without internal fields. */
function expectTyped(event: string, payload: unknown): void {
  expect(Object.keys(SENT)).toContain(event)
  SENT[event as keyof typeof SENT].strict().parse(payload)
  expect(JSON.stringify(payload)).not.toMatch(LEAKS)
}

interface Speaker {
  socket: WebSocket
  received: string[]
  closed: Promise<number>
  /** Resolves with the first message from now on that contains this text. */
  hears(part: string): Promise<void>
}

async function speaker(url: string, hello?: string): Promise<Speaker> {
  const socket = new WebSocket(url)
  const received: string[] = []
  socket.on('message', (text) => received.push(String(text)))
  socket.on('error', () => {})
  const closed = once(socket, 'close').then(([code]) => code as number)
  const hears = (part: string) =>
    new Promise<void>((resolve) => {
      const look = (text: unknown) => {
        if (!String(text).includes(part)) return
        socket.off('message', look)
        resolve()
      }
      socket.on('message', look)
    })
  const ready = hears('balance_initial')
  await once(socket, 'open')
  if (hello) socket.send(hello)
  await ready
  return { socket, received, closed, hears }
}

/** Sends all, in bursts that end with a request: it is answered, or the connection closes with a code. */
async function speak(
  connectAgain: () => Promise<Speaker>,
  messages: readonly Message[],
  question: string,
  check: (text: string) => void,
  live: () => Promise<void>,
  burst = BURST,
): Promise<{ answers: number; closed: number }> {
  const count = { answers: 0, closed: 0 }
  let client = await connectAgain()
  for (let from = 0; from < messages.length; from += burst) {
    for (const message of messages.slice(from, from + burst)) {
      if (client.socket.readyState !== WebSocket.OPEN) client = await connectAgain()
      client.socket.send(message)
    }
    client.socket.send(question)
    const { received, closed } = client
    const end = await Promise.race([closed, client.hears('balance_current')])
    if (end !== undefined) {
      expect(CODES).toContain(end)
      count.closed += 1
      client = await connectAgain()
    }
    for (const text of received.splice(0)) {
      check(text)
      count.answers += 1
    }
    if (from % 500 === 0) await live()
  }
  client.socket.terminate()
  return count
}

/** Warms up with some rounds, then runs the rest: memory must not grow with the messages sent. */
async function flat<T>(samples: readonly T[], run: (part: readonly T[]) => Promise<void>) {
  const half = Math.floor(samples.length / 2)
  await run(samples.slice(0, half))
  const before = heap()
  await run(samples.slice(half))
  expect(heap() - before).toBeLessThan(8 * 1024 * 1024)
}

test(`${MESSAGES} malformed messages over WebSocket`, async () => {
  const { server, live, unharmed } = await open()
  const url = `${server.url.replace('http', 'ws')}/balance?token=${await tokenOf(MALLORY)}`
  const check = (text: string) => {
    const { event, ...payload } = JSON.parse(text)
    expectTyped(event, payload)
  }
  const samples = fc.sample(webSocketMessage, { numRuns: MESSAGES, seed: SEED })
  const question = '{"event":"get_current_balance"}'
  await flat(samples, async (part) => {
    const { answers, closed } = await speak(() => speaker(url), part, question, check, live)
    counts.push(`${part.length} WebSocket messages (${answers} answers, ${closed} closed)`)
  })
  await unharmed()
})

test.each([
  // A malformed packet ends the connection, so each has its own.
  { what: 'events', sample: socketIoEvent, times: MESSAGES, burst: BURST },
  { what: 'packets', sample: socketIoPacket, times: PACKETS, burst: 1 },
])(
  'malformed $what over Socket.IO',
  async ({ what, sample, times, burst }) => {
    const { server, live, unharmed } = await open()
    const url = `${server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`
    const hello = `40/balance,${JSON.stringify({ token: await tokenOf(MALLORY) })}`
    const check = (text: string) => {
      expect(text).not.toMatch(LEAKS)
      const [, type, event] = /^4([0-6])[^[{]*(?:\["(\w+)")?/.exec(text) ?? []
      if (type === '2') expectTyped(event ?? '', JSON.parse(text.slice(text.indexOf('[')))[1])
      // Engine.IO's packets: open, close, ping, pong, noop. Then connect, acknowledgement and connect error.
      else expect(text).toMatch(/^([01236]|4[034])/)
    }
    const samples = fc.sample(sample, { numRuns: times, seed: SEED })
    const question = '42/balance,["get_current_balance"]'
    const again = () => speaker(url, hello)
    await flat(samples, async (part) => {
      const { answers, closed } = await speak(again, part, question, check, live, burst)
      counts.push(`${part.length} Socket.IO ${what} (${answers} answers, ${closed} closed)`)
    })
    await unharmed()
  },
  60_000,
)

/** Writes bytes to a new TCP connection and ends it. Resolves with the response once both sides closed. */
async function exchange(server: TestServer, ...parts: (string | Uint8Array)[]): Promise<string> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  let answer = ''
  socket.on('data', (bytes) => {
    answer += bytes
  })
  socket.on('error', () => {})
  const closed = once(socket, 'close')
  for (const part of parts) {
    socket.write(part)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.race([closed, eventually(() => expect(answer).toContain('\r\n\r\n'))])
  // An opened stream does not end, so the client disconnects once it has begun.
  if (answer.includes('text/event-stream')) socket.destroy()
  else socket.end()
  await closed
  return answer
}

async function exchangeAll<T>(samples: readonly T[], one: (sample: T) => Promise<void>) {
  for (let from = 0; from < samples.length; from += WIDTH) {
    await Promise.all(samples.slice(from, from + WIDTH).map(one))
  }
}

test(`${HANDSHAKES} malformed handshakes`, async () => {
  const { server, unharmed } = await open()
  const statuses = new Map<string, number>()
  const samples = fc.sample(handshake(await tokenOf(MALLORY)), { numRuns: HANDSHAKES, seed: SEED })
  await flat(samples, async (part) => {
    await exchangeAll(part, async (head) => {
      const answer = await exchange(server, head)
      const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 'closed'
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      expect(status, head).toMatch(/^([1234]..|closed)$/)
      expect(answer).not.toMatch(LEAKS)
    })
  })
  counts.push(
    `${HANDSHAKES} handshakes (${[...statuses].map((entry) => entry.join(': ')).join(', ')})`,
  )
  await unharmed()
  await eventually(() => expect(server.gateway.users).toBe(1))
})

test(`${FRAMES} times bytes that are no frames`, async () => {
  const { server, unharmed } = await open()
  const token = await tokenOf(MALLORY)
  const upgrade = (path: string) =>
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
  const paths = fc.constantFrom(`/balance?token=${token}`, '/socket.io/?EIO=4&transport=websocket')
  const garbage = fc.uint8Array({ minLength: 1, maxLength: 400 })
  const samples = fc.sample(fc.tuple(paths, garbage), { numRuns: FRAMES, seed: SEED })
  await flat(samples, async (part) => {
    await exchangeAll(part, async ([path, bytes]) => {
      expect(await exchange(server, upgrade(path), bytes)).toMatch(/^HTTP\/1\.1 101 /)
    })
  })
  counts.push(`${FRAMES} times bytes that are no frames`)
  await unharmed()
  await eventually(() => expect(server.gateway.users).toBe(1))
})
