import type { Socket } from 'socket.io-client'
import {
  type Link,
  type LinkEnd,
  type LinkHandlers,
  type LinkTarget,
  unreachable,
} from './transport.ts'

/** Socket.IO, whose client is loaded only here. It does not reconnect by itself: the client does. */
export function openSocketIo(target: LinkTarget, handlers: LinkHandlers): Link {
  let socket: Socket | undefined
  let over = false
  const end = (reason: LinkEnd) => {
    if (over) return
    over = true
    socket?.disconnect()
    handlers.ended(reason)
  }

  const connect = async () => {
    const { origin, pathname } = new URL(target.url)
    const { token, currency, lastEventId } = target
    const { io } = await load()
    if (over) return
    socket = io(`${origin}/balance`, {
      path: `${pathname.replace(/\/$/, '')}/socket.io/`,
      auth: { token, currency, lastEventId },
      reconnection: false,
      forceNew: true,
    })
    socket.onAny((event: string, data: Record<string, unknown>) => {
      if (!over) handlers.message(event, data)
    })
    socket.on('connect_error', (error: Error & { data?: LinkEnd }) => {
      end(error.data ?? unreachable(error.message))
    })
    socket.on('disconnect', () => end(unreachable()))
  }
  connect().catch((error: unknown) => {
    end({ code: 'transport_unavailable', message: String(error) })
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
      over = true
      socket?.disconnect()
    },
  }
}

async function load(): Promise<typeof import('socket.io-client')> {
  // In a `try` of its own, bundlers take it for what it is: optional.
  try {
    return await import('socket.io-client')
  } catch (cause) {
    throw new Error('the transport "socketio" needs the package socket.io-client', { cause })
  }
}
