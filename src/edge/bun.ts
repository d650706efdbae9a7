import type { RuntimeSocketEvents } from '../realtime/transports/runtime-socket.ts'
import type { Balance } from './balance.ts'

/** The part of Bun's `ServerWebSocket` that is used. */
interface BunSocket {
  data: RuntimeSocketEvents
  send(text: string): number
  getBufferedAmount(): number
  close(code?: number, reason?: string): void
  terminate(): void
}

interface BunServer {
  requestIP(request: Request): { address: string } | null
  upgrade(request: Request, options: { data: RuntimeSocketEvents }): boolean
}

/** Bun drops larger messages without a word, so it must let through those that the server answers with an error. */
const MAX_PAYLOAD_BYTES = 256 * 1024

/** Options for `Bun.serve`. */
export function bunOptions(balance: Balance) {
  return {
    // Seconds. An event stream has a heartbeat every 15; Bun's default is 10.
    idleTimeout: 60,
    fetch(request: Request, server: BunServer): Promise<Response | undefined> {
      return balance.handle(request, {
        address: server.requestIP(request)?.address,
        upgrade(connection) {
          if (server.upgrade(request, { data: connection })) return undefined
          throw new Error('Bun did not upgrade the request')
        },
      })
    },
    websocket: {
      // Bun pings a connection that is idle, and closes it without an answer.
      idleTimeout: 30,
      maxPayloadLength: MAX_PAYLOAD_BYTES,
      perMessageDeflate: false,
      open(socket: BunSocket) {
        socket.data.opened({
          send: (text) => void socket.send(text),
          queuedBytes: () => socket.getBufferedAmount(),
          close: (code, reason) => socket.close(code, reason),
          terminate: () => socket.terminate(),
        })
      },
      message(socket: BunSocket, message: string | Uint8Array) {
        socket.data.received(message)
      },
      ping(socket: BunSocket) {
        socket.data.controlled()
      },
      pong(socket: BunSocket) {
        socket.data.controlled()
      },
      close(socket: BunSocket) {
        socket.data.closed()
      },
    },
  }
}
