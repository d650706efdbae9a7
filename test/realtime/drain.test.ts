import { connect } from 'node:net'
import { Hono } from 'hono'
import { describe, expect } from 'vitest'
import { sleep } from '../../src/lib/timeout.ts'
import { eventually } from '../support/index.ts'
import { connectBy, startServer, TRANSPORTS, tokenOf } from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'
import { test } from '../support/realtime/fixtures.ts'

/** The close that makes each transport's client reconnect by itself. */
const COME_BACK = {
  // `io server disconnect` would be final.
  'Socket.IO': { code: 'transport close' },
  SSE: {},
  WebSocket: { code: 1012 },
}

describe('a drain', () => {
  test.for(TRANSPORTS)(
    'ends %s streams so that their clients come back',
    async (transport, { testServer }) => {
      const { url, server } = testServer
      const client = connectBy[transport](url, await tokenOf(ALICE))
      await eventually(() => expect(client.received).toHaveLength(1))
      await server.drain(0.1)
      expect(await client.failure).toEqual(COME_BACK[transport])
      expect(client.received.filter(({ event }) => event === 'error')).toEqual([])
    },
  )

  test('fails readiness first, then accepts no connection, and spreads the closing', async () => {
    const { url, server, gateway } = await startServer({ connectionsPerUser: 50 })
    const token = await tokenOf(ALICE)
    const clients = Array.from({ length: 40 }, () => connectBy.WebSocket(url, token))
    await eventually(() => {
      for (const { received } of clients) expect(received).toHaveLength(1)
    })
    const start = Date.now()
    const ends: number[] = []
    for (const { failure } of clients) void failure.then(() => ends.push(Date.now() - start))
    const drained = server.drain(2)
    expect(gateway.health.state).toBe('draining')
    const late = connectBy.SSE(url, token)
    expect(await late.failure).toMatchObject({ status: 503 })
    await eventually(() => expect(connected(url)).rejects.toThrow())
    await eventually(() => expect(ends).toHaveLength(40))
    await drained
    // The chance that all forty close early is negligible.
    expect(Math.max(...ends) - Math.min(...ends)).toBeGreaterThan(100)
  })

  test('delivers events to the connections that are still open', async ({ testServer }) => {
    const { url, server, change } = testServer
    const client = connectBy.SSE(url, await tokenOf(ALICE))
    await eventually(() => expect(client.received).toHaveLength(1))
    const drained = server.drain(0.5)
    await change(ALICE, 1n)
    await drained
    await client.failure
    expect(client.seqs()).toEqual([1, 2])
  })

  test('a request on an idle connection is still answered, with `Connection: close`', async () => {
    const { url, server } = await startServer({
      routes: new Hono().get('/hello', (c) => c.text('hello')),
    })
    const { port, hostname } = new URL(url)
    const socket = connect(Number(port), hostname).setEncoding('latin1')
    let got = ''
    socket.on('data', (text) => {
      got += text
    })
    const ask = () => socket.write('GET /hello HTTP/1.1\r\nHost: x\r\n\r\n')
    ask()
    await eventually(() => expect(got).toMatch(/hello$/))
    expect(got).toMatch(/^Connection: keep-alive\r$/im)
    got = ''
    // The drain ends long before its limit, with the last connection.
    const drained = server.drain(60)
    await eventually(() => expect(server.http.listening).toBe(false))
    ask()
    await eventually(() => expect(got).toMatch(/hello$/))
    expect(got).toMatch(/^Connection: close\r$/im)
    await drained
  })

  test('a request in flight gets its response', async () => {
    let inFlight = false
    const { url, server } = await startServer({
      routes: new Hono().get('/slow', async (c) => {
        inFlight = true
        // Longer than the drain.
        await sleep(300)
        return c.text('done')
      }),
    })
    const answer = fetch(`${url}/slow`)
    await eventually(() => expect(inFlight).toBe(true))
    const drained = server.drain(0.1)
    expect(await (await answer).text()).toBe('done')
    await drained
    expect(server.http.listening).toBe(false)
  })
})

function connected(url: string): Promise<void> {
  const { port, hostname } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    socket.on('error', reject)
    socket.on('connect', () => {
      socket.destroy()
      resolve()
    })
  })
}
