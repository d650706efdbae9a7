import { describe, expect } from 'vitest'
import { test } from '../support/client/fixtures.ts'
import { NodeWebSocket, record } from '../support/client/recorded.ts'
import { layWire } from '../support/client/wire.ts'
import { eventually, mintToken } from '../support/index.ts'

const ON_WEBSOCKET = { state: 'live', transport: 'websocket', fallback: false }

describe('auto', () => {
  test('takes a WebSocket where it can', async ({ server, user }) => {
    const { url } = server
    const client = record({ url, token: await mintToken({ sub: user }) })
    await eventually(() => expect(client.getSnapshot().status).toMatchObject(ON_WEBSOCKET))
  })

  test.for(['refused', 'swallowed'] as const)(
    'falls back to SSE where upgrades are %s, says so, and is live',
    async (upgrades, { server, user, wire }) => {
      wire.upgrades = upgrades
      const client = record({
        url: wire.url,
        token: await mintToken({ sub: user }),
        connectTimeout: 1_000,
      })
      await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
      expect(client.getSnapshot()).toMatchObject({
        status: { transport: 'sse', fallback: true },
        error: null,
      })
      await server.fund(user, 5)
      await eventually(() => expect(client.seqs()).toEqual([1, 2]))
    },
  )

  test('stays with SSE after a cut, and resumes there what it had on a WebSocket', async ({
    server,
    user,
    wire,
  }) => {
    const client = record({ url: wire.url, token: await mintToken({ sub: user }) })
    await eventually(() => expect(client.getSnapshot().status).toMatchObject(ON_WEBSOCKET))
    await server.fund(user, 5)
    await eventually(() => expect(client.seqs()).toEqual([1, 2]))
    wire.upgrades = 'refused'
    wire.cut()
    await server.fund(user, 5)
    await eventually(() => expect(client.seqs()).toEqual([1, 2, 3, 4]))
    expect(client.getSnapshot().status).toMatchObject({ transport: 'sse', fallback: true })
    const upgrades = () => wire.requests.filter((line) => line.startsWith('GET /balance?')).length
    const tried = upgrades()
    wire.cut()
    await server.fund(user, 5)
    await eventually(() => expect(client.seqs()).toEqual([1, 2, 3, 4, 5, 6]))
    expect(upgrades()).toBe(tried)
  })

  test('a server that is away is no blocked upgrade: a WebSocket again when it is back', async ({
    server,
    user,
  }) => {
    const client = record({ url: server.url, token: await mintToken({ sub: user }) })
    await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
    await server.stop()
    await eventually(() => expect(client.getSnapshot().error?.code).toBe('unreachable'))
    await server.start()
    await eventually(() => expect(client.getSnapshot().status).toMatchObject(ON_WEBSOCKET))
  })

  test('uses SSE where the runtime has no WebSocket', async ({ server, user }) => {
    const { url } = server
    const token = await mintToken({ sub: user })
    const without = globalThis.WebSocket ? NodeWebSocket : undefined
    const client = record({ url, token, WebSocket: without })
    await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
    expect(client.getSnapshot().status.transport).toBe(without ? 'websocket' : 'sse')
  })
})

test('no request line ever holds the token', async ({ server, user }) => {
  const token = await mintToken({ sub: user })
  for (const transport of ['websocket', 'socketio', 'sse'] as const) {
    const wire = await layWire(server.port)
    const client = record({ url: wire.url, transport, token })
    await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
    expect(wire.requests.length).toBeGreaterThan(0)
    expect(wire.requests.filter((line) => line.includes(token))).toEqual([])
  }
})
