import { describe, expect, test } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.ts'
import { createAccess } from '../../src/auth/gate.ts'
import { ApiError } from '../../src/lib/api-error.ts'
import { startLiveServer } from '../support/client/live-server.ts'
import { record, TRANSPORTS } from '../support/client/recorded.ts'
import { layWire } from '../support/client/wire.ts'
import { eventually, mintToken, TEST_SECRET } from '../support/index.ts'
import { startServer, tokenOf } from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'

describe.each(TRANSPORTS)('over %s', (transport) => {
  test('a restarted server is found again, without loss or repeat, and the balance never goes back', async () => {
    const server = await startLiveServer()
    await server.fund('alice', 1)
    const client = record({
      url: server.url,
      transport,
      token: await mintToken({ sub: 'alice' }),
    })
    await eventually(() => expect(client.getSnapshot().balance).toBe(1))
    const balances: (number | null)[] = []
    client.subscribe(() => balances.push(client.getSnapshot().balance))
    for (let restart = 0; restart < 2; restart++) {
      await server.stop()
      await eventually(() => expect(client.getSnapshot().status.state).toBe('reconnecting'))
      await server.start()
      for (let i = 0; i < 3; i++) await server.fund('alice', 1)
    }
    await eventually(() =>
      expect(client.seqs()).toEqual(Array.from({ length: 12 }, (_, i) => i + 3)),
    )
    expect(client.getSnapshot()).toMatchObject({ balance: 7, seq: 14, error: null })
    expect(balances).toEqual([...balances].sort((a, b) => Number(a) - Number(b)))
  })

  test('a replaced database starts the stream anew, and says so', async () => {
    const server = await startLiveServer()
    for (let i = 0; i < 4; i++) await server.fund('alice', 1)
    const client = record({
      url: server.url,
      transport,
      token: await mintToken({ sub: 'alice' }),
    })
    const starts: unknown[] = []
    client.on('balance_initial', (initial) => starts.push(initial))
    await eventually(() => expect(client.getSnapshot().balance).toBe(4))
    await server.stop()
    await server.start({ newDatabase: true })
    await server.fund('alice', 7)
    await eventually(() => expect(client.getSnapshot().balance).toBe(7))
    expect(starts.at(1)).toMatchObject({ recovered: false })
    await server.fund('alice', 1)
    await eventually(() => expect(client.seqs().slice(-2)).toEqual([3, 4]))
    expect(client.getSnapshot()).toMatchObject({ balance: 8, seq: 4 })
  })

  test('close ends the connection, and nothing is heard or sent after it', async () => {
    const server = await startLiveServer()
    const wire = await layWire(server.port)
    const client = record({
      url: wire.url,
      transport,
      token: await mintToken({ sub: 'alice' }),
    })
    await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
    client.close()
    expect(client.getSnapshot().status.state).toBe('closed')
    await server.fund('alice', 1)
    await client.refresh()
    const { length } = wire.requests
    wire.cut()
    // A retry would follow within 100 ms, the longest delay of this client.
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(wire.requests).toHaveLength(length)
    expect([client.events, client.getSnapshot().balance]).toEqual([[], 0])
  })
})

test.each(TRANSPORTS)(
  'over %s a client of a suspended tenant says so, tries on, and is live once it is resumed',
  async (transport) => {
    let problem: ApiError | undefined
    let attempts = 0
    const listeners: (() => void)[] = []
    const gate = {
      problem() {
        attempts += 1
        return problem
      },
      onChange: (listener: () => void) => {
        listeners.push(listener)
        return () => {}
      },
    }
    const tokens = createAuthenticator({ keys: { kind: 'secret', secret: TEST_SECRET } })
    const server = await startServer({ authenticator: createAccess(tokens, gate), gate })
    const { tickets } = server.gateway
    await server.change(ALICE, 100n)
    // Over a WebSocket the client asks for a ticket, for which this server has no route.
    const fetchTicket = async (url: string, init?: RequestInit) => {
      if (!url.endsWith('/ticket')) return fetch(url, init)
      attempts += 1
      if (problem) return Response.json({ code: problem.code, message: '' }, { status: 403 })
      return Response.json(
        await tickets.issue({ ...ALICE, isAdmin: false, isService: false, expiresAt: 4e9 }),
      )
    }
    const client = record({
      ...{ url: server.url, transport, token: await tokenOf(ALICE), fetch: fetchTicket },
    })
    await eventually(() => expect(client.getSnapshot().balance).toBe(1))

    problem = new ApiError(403, 'tenant_suspended', 'This tenant is suspended.')
    attempts = 0
    for (const listener of listeners) listener()
    await eventually(() => {
      const { status, error, balance } = client.getSnapshot()
      expect([status.state, error?.code, balance]).toEqual(['reconnecting', 'tenant_suspended', 1])
      expect(attempts).toBeGreaterThan(2)
    })
    problem = undefined
    await server.change(ALICE, 100n)
    await eventually(() => expect(client.getSnapshot()).toMatchObject({ balance: 2, error: null }))
    expect(client.seqs()).toEqual([3, 4])
  },
)

describe.each(['socketio', 'sse'] as const)('over %s', (transport) => {
  test('a client that read too slowly goes on from the newest balance, and is told what it missed', async () => {
    const server = await startServer({ bounds: { maxQueuedBytes: 10_000 } })
    const wire = await layWire(Number(new URL(server.url).port))
    await server.change(ALICE, 100n)
    const client = record({ url: wire.url, transport, token: await tokenOf(ALICE) })
    const starts: { conflated?: boolean }[] = []
    client.on('balance_initial', (initial) => starts.push(initial))
    await eventually(() => expect(client.getSnapshot().balance).toBe(1))
    wire.pause()
    // More than the system buffers for a connection that nobody reads.
    for (let i = 0; i < 6_000; i++) {
      const committed = server.ledger.change(ALICE, 100n)
      for (const event of committed.events) event.transactionId = 'x'.repeat(2_000)
      void server.outbox.publish(committed)
      if (i % 100 === 0) await new Promise(setImmediate)
    }
    wire.resume()
    await eventually(() => expect(client.getSnapshot().balance).toBe(6_001))
    // On a busy machine the system takes what is queued in several pieces, and each time the client starts again.
    expect(starts.length).toBeGreaterThan(1)
    for (const start of starts.slice(1)) {
      expect(start).toMatchObject({ conflated: true, recovered: false })
    }
    await server.change(ALICE, 100n)
    await eventually(() => expect(client.getSnapshot().balance).toBe(6_002))
    const seqs = client.seqs()
    expect(new Set(seqs).size).toBe(seqs.length)
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
    expect(seqs.length).toBeLessThan(12_002)
  })
})
