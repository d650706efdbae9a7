import type { WebSocketLike } from '../runtime.ts'
import {
  rejectionOf,
  streamQuery,
  type TransportConnection,
  type TransportHandlers,
  type TransportTarget,
  unreachable,
} from './transport.ts'

/**
 * The raw WebSocket. In a browser it can neither send headers nor report why it was rejected. The client therefore
 * requests a ticket first: that keeps the token out of URLs, and tells a rejected token from a blocked upgrade.
 */
export function openWebSocket(
  target: TransportTarget,
  handlers: TransportHandlers,
): TransportConnection {
  let socket: WebSocketLike | undefined
  const abort = new AbortController()
  const send = (message: object) => socket?.send(JSON.stringify(message))

  const connect = async () => {
    const { WebSocket } = target
    if (!WebSocket) {
      const message = 'This runtime has no WebSocket: pass one as the option WebSocket.'
      return handlers.ended({ code: 'transport_unavailable', message, blocked: true })
    }
    const response = await target.fetch(`${target.url}/balance/ticket`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${target.token}` },
      signal: abort.signal,
    })
    if (!response.ok) {
      const rejection = await rejectionOf(response)
      return handlers.ended({ ...rejection, blocked: response.status >= 500 })
    }
    const { ticket } = (await response.json()) as { ticket: string }
    if (abort.signal.aborted) return
    let opened = false
    socket = new WebSocket(
      `${target.url.replace(/^http/, 'ws')}/balance${streamQuery(target, ticket)}`,
    )
    socket.onopen = () => {
      opened = true
      handlers.beat()
    }
    socket.onmessage = ({ data }: { data: unknown }) => {
      const { event, ...payload } = JSON.parse(String(data))
      handlers.message(event, payload)
    }
    socket.onerror = () => {}
    socket.onclose = ({ reason }: { reason?: string }) => {
      handlers.ended(
        opened
          ? { code: reason || 'unreachable', message: 'The connection was closed.' }
          : { ...unreachable('The WebSocket could not be opened.'), blocked: true },
      )
    }
  }
  connect().catch((error: unknown) => handlers.ended(unreachable(String(error))))

  return {
    authenticate(token) {
      send({ event: 'authenticate', token })
      return true
    },
    probe() {
      send({ event: 'subscribe_balance' })
      return true
    },
    close() {
      abort.abort()
      socket?.close(1000)
    },
  }
}
