import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { eventually } from '../environment/index.ts'
import { connectBy, startServer, TRANSPORTS, tokenOf } from './balance-server.ts'
import { ALICE } from './fake-ledger.ts'

/** Whether `text` is in a string that can be reached from `root`; not by way of the server, which leads everywhere. */
function holds(root: unknown, text: string): boolean {
  const seen = new Set<unknown>()
  const waiting = [root]
  while (waiting.length > 0) {
    const next = waiting.pop()
    if (typeof next === 'string' && next.includes(text)) return true
    if (typeof next !== 'object' || next === null || seen.has(next)) continue
    seen.add(next)
    for (const key of Reflect.ownKeys(next)) {
      if (key !== 'server' && key !== '_server') waiting.push(Reflect.get(next, key))
    }
  }
  return false
}

test.each(TRANSPORTS)('an open connection keeps no token of its request: %s', async (transport) => {
  const { url, server, gateway } = await startServer()
  const sockets: Socket[] = []
  server.http.on('connection', (socket: Socket) => sockets.push(socket))
  const token = await tokenOf(ALICE)
  const client = connectBy[transport](url, token)
  await eventually(() => expect(client.received).toHaveLength(1))
  const [socket] = sockets
  expect(socket).toBeInstanceOf(Socket)
  expect(holds({ token }, token)).toBe(true)
  expect(holds(socket, token)).toBe(false)
  const [joined] = gateway.socketIo.io.of('/balance').sockets.values()
  expect(holds({ request: joined?.request, handshake: joined?.handshake }, token)).toBe(false)
})
