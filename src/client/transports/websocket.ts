import type { WebSocketLike } from '../runtime.ts'
import {
  type Link,
  type LinkEnd,
  type LinkHandlers,
  type LinkTarget,
  refusalOf,
  streamQuery,
  unreachable,
} from './transport.ts'

/**
 * The raw WebSocket. A browser can neither set headers on it nor see why it was refused; so a ticket
 * is asked for first, which keeps the token out of URLs and tells a refused token from a blocked upgrade.
 */
export function openWebSocket(target: LinkTarget, handlers: LinkHandlers): Link {
  let socket: WebSocketLike | undefined
  let over = false
  const abort = new AbortController()
  const end = (reason: LinkEnd) => {
    if (over) return
    over = true
    handlers.ended(reason)
  }
  const send = (message: object) => socket?.send(JSON.stringify(message))

  const connect = async () => {
    const { WebSocket } = target
    if (!WebSocket) {
      const message = 'there is no WebSocket here: give one as an option'
      return end({ code: 'transport_unavailable', message, blocked: true })
    }
    const response = await target.fetch(`${target.url}/balance/ticket`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${target.token}` },
      signal: abort.signal,
    })
    if (!response.ok) {
      const refusal = await refusalOf(response)
      return end({ ...refusal, blocked: response.status >= 500 })
    }
    const { ticket } = (await response.json()) as { ticket: string }
    if (over) return
    let opened = false
    socket = new WebSocket(
      `${target.url.replace(/^http/, 'ws')}/balance${streamQuery(target, ticket)}`,
    )
    socket.onopen = () => {
      opened = true
      handlers.beat()
    }
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (over) return
      const { event, ...payload } = JSON.parse(String(data))
      handlers.message(event, payload)
    }
    socket.onerror = () => {}
    socket.onclose = ({ reason }: { reason?: string }) => {
      end(
        opened
          ? { code: reason || 'unreachable', message: 'the connection was closed' }
          : { ...unreachable('the WebSocket could not be opened'), blocked: true },
      )
    }
  }
  connect().catch((error: unknown) => end(unreachable(String(error))))

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
      over = true
      abort.abort()
      socket?.close(1000)
    },
  }
}
