import { EventStreamParser } from './event-stream.ts'
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
 * Server-sent events, read with `fetch`: unlike an `EventSource` it can send the token in a header,
 * sees why it was refused, and is there in Node.
 */
export function openEventStream(target: LinkTarget, handlers: LinkHandlers): Link {
  let over = false
  const abort = new AbortController()
  const end = (reason: LinkEnd) => {
    if (over) return
    over = true
    handlers.ended(reason)
  }

  const connect = async () => {
    const response = await target.fetch(`${target.url}/balance/stream${streamQuery(target)}`, {
      headers: { Accept: 'text/event-stream', Authorization: `Bearer ${target.token}` },
      signal: abort.signal,
    })
    if (!response.ok || !response.body) return end(await refusalOf(response))
    const parser = new EventStreamParser(({ event, data }) => {
      if (!over) handlers.message(event, JSON.parse(data))
    })
    const decoder = new TextDecoder()
    const reader = response.body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return end(unreachable())
      handlers.beat()
      parser.push(decoder.decode(value, { stream: true }))
    }
  }
  connect().catch((error: unknown) => end(unreachable(String(error))))

  return {
    authenticate: () => false,
    probe: () => false,
    close() {
      over = true
      abort.abort()
    },
  }
}
