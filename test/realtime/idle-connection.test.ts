import { Socket } from 'node:net'
import { expect } from 'vitest'
import { eventually } from '../support/index.ts'
import { connectBy, TRANSPORTS, tokenOf } from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'
import { test } from '../support/realtime/fixtures.ts'

/**
 * Whether `text` is in a string or in bytes that can be reached from `root`, also by way of what collections
 * hold; not by way of the server, which leads everywhere.
 */
function holds(root: unknown, text: string): boolean {
  const seen = new Set<unknown>()
  const waiting = [root]
  while (waiting.length > 0) {
    const next = waiting.pop()
    if (typeof next === 'string' && next.includes(text)) return true
    if (typeof next !== 'object' || next === null || seen.has(next)) continue
    seen.add(next)
    const bytes = bytesOf(next)
    if (bytes) {
      if (bytes.includes(text)) return true
      continue
    }
    if (next instanceof Map) waiting.push(...next.keys(), ...next.values())
    if (next instanceof Set) waiting.push(...next)
    for (const key of Reflect.ownKeys(next)) {
      if (key !== 'server' && key !== '_server') waiting.push(Reflect.get(next, key))
    }
  }
  return false
}

/** Only the visible part of a view, because small buffers share one pool. */
function bytesOf(value: object): Buffer | undefined {
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  if (!ArrayBuffer.isView(value)) return undefined
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

test.each<[string, (token: string) => unknown]>([
  ['a property', (token) => ({ request: { url: `/?token=${token}` } })],
  ['a symbol', (token) => ({ [Symbol('kept')]: token })],
  ['an array', (token) => [[token]]],
  ['a value of a Map', (token) => new Map([['token', { token }]])],
  ['a key of a Map', (token) => ({ seen: new Map([[token, 1]]) })],
  ['a Set', (token) => new Set([[token]])],
  ['a Buffer', (token) => ({ head: Buffer.from(`GET /?token=${token}`) })],
  ['an ArrayBuffer', (token) => new Map([[1, new TextEncoder().encode(token).buffer]])],
])('a token is found in %s', (_, keep) => {
  expect(holds(keep('a.b.c'), 'a.b.c')).toBe(true)
  expect(holds(keep('d.e.f'), 'a.b.c')).toBe(false)
})

test.for(TRANSPORTS)(
  'an open connection keeps no token of its request: %s',
  async (transport, { testServer }) => {
    const { url, server, gateway } = testServer
    const sockets: Socket[] = []
    server.http.on('connection', (socket: Socket) => sockets.push(socket))
    const token = await tokenOf(ALICE)
    const client = connectBy[transport](url, token)
    await eventually(() => expect(client.received).toHaveLength(1))
    const [socket] = sockets
    expect(socket).toBeInstanceOf(Socket)
    expect(holds(socket, token)).toBe(false)
    const [joined] = gateway.socketIo.io.of('/balance').sockets.values()
    expect(holds({ request: joined?.request, handshake: joined?.handshake }, token)).toBe(false)
  },
)
