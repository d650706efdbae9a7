import {
  rejectionOf,
  streamQuery,
  type TransportConnection,
  type TransportHandlers,
  type TransportTarget,
  unreachable,
} from './transport.ts'

/**
 * Server-sent events, read with `fetch`. Unlike `EventSource`, `fetch` can send the token in a header, reports
 * why a request was rejected, and exists in Node.
 */
export function openEventStream(
  target: TransportTarget,
  handlers: TransportHandlers,
): TransportConnection {
  const abort = new AbortController()

  const connect = async () => {
    const response = await target.fetch(`${target.url}/balance/stream${streamQuery(target)}`, {
      headers: { Accept: 'text/event-stream', Authorization: `Bearer ${target.token}` },
      signal: abort.signal,
    })
    if (!response.ok || !response.body) return handlers.ended(await rejectionOf(response))
    const parser = new EventStreamParser(({ event, data }) => {
      handlers.message(event, JSON.parse(data))
    })
    const decoder = new TextDecoder()
    const reader = response.body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return handlers.ended(unreachable())
      handlers.beat()
      parser.push(decoder.decode(value, { stream: true }))
    }
  }
  connect().catch((error: unknown) => handlers.ended(unreachable(String(error))))

  return {
    authenticate: () => false,
    probe: () => false,
    close: () => abort.abort(),
  }
}

/** One block of a `text/event-stream`. */
export interface ServerSentEvent {
  event: string
  data: string
}

/** Parses an event stream that arrives in pieces of any size. */
export class EventStreamParser {
  readonly #emit: (event: ServerSentEvent) => void
  #rest = ''
  #event = ''
  #data: string[] = []

  constructor(emit: (event: ServerSentEvent) => void) {
    this.#emit = emit
  }

  push(text: string): void {
    const all = this.#rest + text
    // A CR at the end may be the first half of a CRLF.
    const lines = (all.endsWith('\r') ? all.slice(0, -1) : all).split(/\r\n|\r|\n/)
    this.#rest = (lines.pop() ?? '') + (all.endsWith('\r') ? '\r' : '')
    for (const line of lines) this.#line(line)
  }

  #line(line: string): void {
    if (line === '') {
      if (this.#data.length > 0) {
        this.#emit({ event: this.#event || 'message', data: this.#data.join('\n') })
      }
      this.#event = ''
      this.#data = []
      return
    }
    const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (name === 'event') this.#event = value
    else if (name === 'data') this.#data.push(value)
  }
}
