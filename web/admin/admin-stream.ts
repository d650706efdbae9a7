import { EventStreamParser } from '../../src/client/transports/sse.ts'
import type { SessionKeeper } from '../lib/session.ts'

export interface StreamState {
  /** Events arrive by themselves. While false, screens ask from time to time. */
  live: boolean
  /** Why not, in the server's words. */
  reason: string | undefined
}

/** Delays between connections. */
const RETRY_MS = { least: 500, most: 10_000 }
/** The server sends something at least every 15 s. */
const SILENCE_MS = 40_000

/** A stream of the tenant's events (`GET /admin/stream`), open while the page is visible. */
export class AdminStream {
  readonly #session: SessionKeeper
  readonly #query: string
  readonly #take: (event: string, data: string) => void
  readonly #watchers = new Set<() => void>()
  #state: StreamState = { live: false, reason: undefined }
  #abort: AbortController | undefined
  #retry: number | undefined
  #delayMs = RETRY_MS.least

  /**
   * @param query what the server leaves out; see `GET /admin/stream`
   * @param take gets each event. After an `admin_state`, read again what is shown
   */
  constructor(
    session: SessionKeeper,
    query: Record<string, string>,
    take: (event: string, data: string) => void,
  ) {
    this.#session = session
    this.#query = String(new URLSearchParams(query))
    this.#take = take
  }

  getSnapshot = (): StreamState => this.#state

  subscribe = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Returns a function that ends it. */
  start(): () => void {
    const seen = () => {
      if (document.visibilityState === 'visible') this.#connect()
      else this.#disconnect()
    }
    document.addEventListener('visibilitychange', seen)
    seen()
    return () => {
      document.removeEventListener('visibilitychange', seen)
      this.#disconnect()
    }
  }

  #connect(): void {
    if (this.#abort) return
    const abort = new AbortController()
    this.#abort = abort
    const end = () => {
      if (this.#abort !== abort) return
      this.#disconnect()
      this.#retry = window.setTimeout(
        () => this.#connect(),
        this.#delayMs * (0.5 + Math.random() / 2),
      )
      this.#delayMs = Math.min(2 * this.#delayMs, RETRY_MS.most)
    }
    this.#read(abort).then(end, end)
  }

  #disconnect(): void {
    clearTimeout(this.#retry)
    this.#abort?.abort()
    this.#abort = undefined
    this.#set({ live: false, reason: undefined })
  }

  async #read(abort: AbortController): Promise<void> {
    const token = await this.#session.token()
    const response = await fetch(`/admin/stream?${this.#query}`, {
      headers: { Authorization: `Bearer ${token}`, Accept: 'text/event-stream' },
      signal: abort.signal,
    })
    if (!response.ok || !response.body) return
    const parser = new EventStreamParser(({ event, data }) => this.#receive(event, data))
    const decoder = new TextDecoder()
    const reader = response.body.getReader()
    let silence: number | undefined
    try {
      for (;;) {
        silence = window.setTimeout(() => abort.abort(), SILENCE_MS)
        const { done, value } = await reader.read()
        clearTimeout(silence)
        if (done) return
        parser.push(decoder.decode(value, { stream: true }))
      }
    } finally {
      clearTimeout(silence)
    }
  }

  #receive(event: string, data: string): void {
    if (event === 'admin_state') {
      const { live, reason } = JSON.parse(data) as { live: boolean; reason?: string }
      this.#delayMs = RETRY_MS.least
      this.#set({ live, reason })
    }
    this.#take(event, data)
  }

  #set(state: StreamState): void {
    this.#state = state
    for (const watcher of [...this.#watchers]) watcher()
  }
}
