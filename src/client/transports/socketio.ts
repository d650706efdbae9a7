import type { Socket } from 'socket.io-client'
import {
  type ConnectionEnd,
  type TransportConnection,
  type TransportHandlers,
  type TransportTarget,
  unreachable,
} from './transport.ts'

/** Socket.IO. Its package is loaded only here. Its own reconnection is off, because the client reconnects. */
export function openSocketIo(
  target: TransportTarget,
  handlers: TransportHandlers,
): TransportConnection {
  let socket: Socket | undefined
  let closed = false

  const connect = async () => {
    const { origin, pathname } = new URL(target.url)
    const { token, currency, maxRate, transactions, lastEventId } = target
    const { io } = await load()
    if (closed) return
    socket = io(`${origin}/balance`, {
      path: `${pathname.replace(/\/$/, '')}/socket.io/`,
      auth: { token, currency, maxRate, transactions, lastEventId },
      reconnection: false,
      forceNew: true,
    })
    socket.onAny(handlers.message)
    socket.on('connect_error', (error: Error & { data?: ConnectionEnd }) => {
      handlers.ended(error.data ?? unreachable(error.message))
    })
    socket.on('disconnect', () => handlers.ended(unreachable()))
  }
  connect().catch((error: unknown) => {
    handlers.ended({ code: 'transport_unavailable', message: String(error) })
  })

  return {
    authenticate(token) {
      socket?.emit('authenticate', { token })
      return true
    },
    probe() {
      socket?.emit('subscribe_balance')
      return true
    },
    close() {
      closed = true
      socket?.disconnect()
    },
  }
}

async function load(): Promise<typeof import('socket.io-client')> {
  // Inside a `try`, bundlers treat the import as optional.
  try {
    return await import('socket.io-client')
  } catch (cause) {
    throw new Error('The transport "socketio" needs the package socket.io-client.', { cause })
  }
}
