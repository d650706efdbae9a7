import { connect, type Socket } from 'node:net'
import { mintToken } from '../../src/auth/tokens.ts'
import { SECRET } from '../secret.ts'
import type { Order, Storm } from './storm.ts'

/** The process with the clients. For each order it opens all connections at once, and tells how long that took. */
const [, , count] = process.argv
const tokens = await Promise.all(
  Array.from({ length: Number(count) }, (_, i) =>
    mintToken(SECRET, { sub: `user-${i}`, expiresIn: 7200 }),
  ),
)

let sockets: Socket[] = []
/** By client: the id of its last event. */
let lastIds: string[] = []

/** Resolves when the client has its balance, and the missed events if it resumes. */
function open({ port, resume }: Order, client: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  const id = resume ? `Last-Event-ID: ${lastIds[client]}\r\n` : ''
  socket.write(
    `GET /balance/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${tokens[client]}\r\n${id}\r\n`,
  )
  let text = ''
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.setEncoding('utf8').on('data', (part) => {
      text += part
      const replay = Number(/"replay":(\d+)/.exec(text)?.[1] ?? 0)
      const ids = [...text.matchAll(/^id: (.+)$/gm)]
      if (ids.length <= replay || !/\n\n(\r\n)?$/.test(text)) return
      if (!text.includes('balance_initial')) return
      lastIds[client] = ids.at(-1)?.[1] ?? ''
      socket.removeAllListeners('data').resume()
      resolve()
    })
  })
}

process.on('disconnect', () => process.exit())
process.on('message', async (order: Order) => {
  for (const socket of sockets) socket.destroy()
  sockets = []
  if (!order.resume) lastIds = []
  const began = performance.now()
  if (order.port > 0) await Promise.all(tokens.map((_, client) => open(order, client)))
  process.send?.({ ms: performance.now() - began } satisfies Storm)
})
process.send?.({ ms: 0 } satisfies Storm)
