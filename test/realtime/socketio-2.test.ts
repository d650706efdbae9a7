import { once } from 'node:events'
import { expect, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { eventually } from '../support/index.ts'
import { startServer, type TestServer, tokenOf } from '../support/realtime/balance-server.ts'
import { test } from '../support/realtime/fixtures.ts'

const ALICE = { tenant: 'default', userId: 'alice' }

/** A client of Engine.IO's protocol 3, which Socket.IO 2 speaks. It sends raw packets and keeps the received ones. */
async function engine3({ url }: TestServer) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=3&transport=websocket`)
  onTestFinished(() => socket.terminate())
  const packets: string[] = []
  socket.on('message', (text) => packets.push(String(text)))
  const closed = once(socket, 'close')
  // The server puts it into the root by itself.
  await eventually(() => expect(packets.at(-1)).toBe('40'))
  return { socket, packets, closed }
}

test('a client of version 2 joins by the query of the namespace, and its pings are answered', async ({
  testServer,
}) => {
  const { socket, packets } = await engine3(testServer)
  socket.send(`40/balance?token=${await tokenOf(ALICE)},`)
  await eventually(() => expect(packets.at(-1)).toMatch(/^42\/balance,\["balance_initial",/))
  expect(testServer.gateway.connections.counts['socket.io']).toBe(1)
  await testServer.change(ALICE, 5n)
  await eventually(() => expect(packets.at(-1)).toMatch(/^42\/balance,\["transaction_completed",/))
  socket.send('2')
  await eventually(() => expect(packets.at(-1)).toBe('3'))
  socket.send(`42/balance,["x","${'x'.repeat(20_000)}"]`)
  await once(socket, 'close')
  expect(testServer.gateway.connections.counts['socket.io']).toBe(0)
})

test('a client of version 2 that joins nothing, or is refused, loses the connection in time', async () => {
  const server = await startServer({ handshakeTimeoutMs: 2_000 })
  const joined = await engine3(server)
  joined.socket.send(`40/balance?token=${await tokenOf(ALICE)},`)
  await eventually(() => expect(joined.packets.at(-1)).toContain('balance_initial'))
  // Opened later, so that their time ends later.
  const idle = await engine3(server)
  const refused = await engine3(server)
  refused.socket.send('40/balance?token=nonsense,')
  await eventually(() =>
    expect(refused.packets.at(-1)).toMatch(/^44\/balance,.*"code":"unauthorized"/),
  )
  await Promise.all([idle.closed, refused.closed])
  expect(joined.socket.readyState).toBe(WebSocket.OPEN)
})
