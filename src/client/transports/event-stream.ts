/** One block of a `text/event-stream`. */
export interface ServerSentEvent {
  event: string
  data: string
}

/** Takes an event stream apart as it comes in, in whatever pieces. */
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
    // A CR at the end may be half of a CRLF.
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
