import { once } from 'node:events'
import { connect } from 'node:net'
import { Hono } from 'hono'
import { describe, expect, onTestFinished, test } from 'vitest'
import { MAX_PIPELINED } from '../../src/http/server.ts'
import { eventually } from '../support/index.ts'
import { connectBy, startServer, tokenOf } from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'

/** The server's limits, a hundredth as long. */
const timeoutsMs = {
  headersTimeout: 100,
  requestTimeout: 300,
  keepAliveTimeout: 200,
  stalledDownloadTimeout: 500,
  connectionsCheckingInterval: 20,
}

const BIG = 16 * 1024 * 1024
const routes = () =>
  new Hono()
    .post('/echo', async (c) => c.text(await c.req.text()))
    .get('/big', (c) => c.body('x'.repeat(BIG)))

/** Opens a socket, writes a part of a request and waits; gives what came back when the server closed. */
async function dawdle(url: string, part: string): Promise<string> {
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  onTestFinished(() => void socket.destroy())
  let answer = ''
  socket.on('data', (bytes) => {
    answer += bytes
  })
  socket.on('error', () => {})
  if (part) socket.write(part)
  await once(socket, 'close')
  return answer
}

test.each([
  ['says nothing at all', ''],
  ['never ends its request line', 'GET /health'],
  ['never ends its headers', 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: 1\r\n'],
  [
    'never ends its body',
    'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"amount"',
  ],
  [
    'never ends its chunks',
    'POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n',
  ],
])('a client that %s is let go', async (_, part) => {
  const { url } = await startServer({ timeoutsMs, routes: routes() })
  expect(await dawdle(url, part)).toMatch(/^(HTTP\/1.1 408|$)/)
  const worker = await startServer({ timeoutsMs, routes: routes(), adopts: true })
  expect(await dawdle(worker.url, part)).toMatch(/^(HTTP\/1.1 408|$)/)
})

test('a connection that idles after its answer is let go', async () => {
  const { url } = await startServer({ timeoutsMs, routes: routes() })
  const request = 'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi'
  expect(await dawdle(url, request)).toMatch(/^HTTP\/1.1 200.*hi$/s)
})

test('a stream outlives all of these limits', async () => {
  const { url, change } = await startServer({ timeoutsMs })
  const { received, seqs } = connectBy.SSE(url, await tokenOf(ALICE))
  await eventually(() => expect(received).toHaveLength(1))
  const opened = Date.now()
  await eventually(() => expect(Date.now() - opened).toBeGreaterThan(2 * timeoutsMs.requestTimeout))
  await change(ALICE, 100n)
  await eventually(() => expect(seqs()).toEqual([1, 2]))
})

const ASK = 'GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** Asks, and reads nothing. */
function ask(url: string) {
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  socket.write(ASK)
  return socket
}

test('clients that read nothing of their answers are let go', async () => {
  const { url, server } = await startServer({ timeoutsMs, routes: routes() })
  let came = 0
  let left = 0
  server.http.on('connection', (socket) => {
    came += 1
    socket.on('close', () => {
      left += 1
    })
  })
  for (let i = 0; i < 20; i++) ask(url)
  await eventually(() => expect([came, left]).toEqual([20, 20]))
})

test('a client that reads slowly gets the whole of its answer', async () => {
  // Long, so that a busy machine is not taken for a client that stopped.
  const stalledDownloadTimeout = 4000
  const { url } = await startServer({
    timeoutsMs: { ...timeoutsMs, stalledDownloadTimeout },
    routes: routes(),
  })
  const socket = ask(url)
  const began = Date.now()
  let size = 0
  for await (const bytes of socket as AsyncIterable<Buffer>) {
    size += bytes.length
    if (size >= BIG) break
    // As fast as a line that is slow, and not so slow that nothing is taken for as long as the limit.
    if (Date.now() - began < 1.2 * stalledDownloadTimeout)
      await new Promise((go) => setTimeout(go, 50))
  }
  expect(size).toBeGreaterThanOrEqual(BIG)
  expect(Date.now() - began).toBeGreaterThan(stalledDownloadTimeout)
})

describe('a client that does not wait for its answers', () => {
  async function send(requests: number) {
    let asked = 0
    const routes = new Hono().get('/count', (c) => c.text(`answer ${++asked}.`))
    const { url } = await startServer({ timeoutsMs, routes })
    const { port, hostname } = new URL(url)
    const socket = connect(Number(port), hostname)
    onTestFinished(() => void socket.destroy())
    let answers = ''
    socket.on('data', (bytes) => {
      answers += bytes
    })
    socket.on('error', () => {})
    const closed = once(socket, 'close')
    // In one packet, so that one turn of the event loop gets them all.
    socket.write('GET /count HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(requests))
    await closed
    return {
      asked,
      answers: [...answers.matchAll(/answer (\d+)\./g)].map(([, number]) => Number(number)),
    }
  }

  test('gets them in order', async () => {
    const numbers = Array.from({ length: MAX_PIPELINED }, (_, i) => i + 1)
    expect(await send(MAX_PIPELINED)).toEqual({ asked: MAX_PIPELINED, answers: numbers })
  })

  test('is let go where it sends a thousand requests at once', async () => {
    const { asked } = await send(1000)
    expect(asked).toBeLessThanOrEqual(MAX_PIPELINED)
  })
})
