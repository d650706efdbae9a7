import { Connection, type ConnectionOptions, RENEWED } from './connection.ts'
import type { BalanceError } from './events.ts'
import type { Retry } from './retry.ts'
import type { Transport } from './snapshot.ts'
import type { LinkEnd } from './transports/transport.ts'

export interface ConnectorOptions extends ConnectionOptions {
  transport: Transport | 'auto'
  retry: Retry
  /** The connection's state changed: the store has it. */
  changed(): void
  /** The server does not want this client; the connector has stopped. */
  refused(error: BalanceError): void
}

/** Milliseconds for which `auto` stays with SSE once it had to fall back. */
const BLOCKED_FOR = 300_000

/** Milliseconds after which a connection has proved itself, so that the next retry is quick again. */
const PROVEN_AFTER = 5_000

/** Tokens in a row that the server may refuse before the client gives up. */
const MOST_REFUSALS = 3

const TOKEN_CODES = new Set(['unauthorized', 'token_expired', 'token_revoked'])

/** To try again as before would not help. */
const FINAL_CODES = new Set(['forbidden', 'invalid_request', 'transport_unavailable'])

/** Keeps the client connected: after each connection another, by the transport and the token that may work. */
export class Connector {
  readonly #options: ConnectorOptions
  /** Counts starts, so that a run knows whether it is still the one. */
  #run = 0
  #running = false
  /** The last that was opened; it may be over. */
  #connection: Connection | undefined
  /** Somebody wanted it to try at once while it was trying: should that fail, it does. */
  #again = false
  /** Until when `auto` does without WebSockets: for ever, until SSE has shown that the server is there. */
  #blockedUntil = 0

  constructor(options: ConnectorOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#run += 1
    void this.#keepAlive(this.#run)
  }

  stop(): void {
    this.#running = false
    this.#run += 1
    this.#options.retry.wake()
    this.#connection?.end(RENEWED)
  }

  /** The network or the user is back: tries at once, or looks whether the connection still lives. */
  wake(): void {
    this.#options.retry.reset()
    this.#options.retry.wake()
    if (this.#connection?.opening) this.#again = true
    else this.#connection?.doubt()
  }

  async #keepAlive(run: number): Promise<void> {
    const { retry, tokens } = this.#options
    let refusals = 0
    while (run === this.#run) {
      const transport = this.#pick()
      this.#report(transport)
      const token = await tokens.get().catch((error) => this.#unavailable(error))
      if (run !== this.#run) return
      if (token === undefined) {
        await retry.wait()
        continue
      }
      this.#connection = new Connection(transport, token, this.#options, {
        live: () => this.#live(transport),
        unavailable: (error) => this.#unavailable(error),
      })
      const { end, lived, token: last } = await this.#connection.run()
      if (run !== this.#run) return
      if (lived > 0) refusals = 0
      if (lived > PROVEN_AFTER) retry.reset()
      if (end === RENEWED) continue
      if (FINAL_CODES.has(end.code) && !this.#mayFallBack(transport, end)) return this.#refuse(end)
      if (TOKEN_CODES.has(end.code)) {
        const other = await tokens.replace(last).catch((error) => void this.#unavailable(error))
        if (run !== this.#run) return
        if (other) refusals += 1
        if (other === false || refusals > MOST_REFUSALS) return this.#refuse(end)
        if (other && refusals === 1) continue
      } else if (this.#mayFallBack(transport, end) && lived === 0) {
        this.#blockedUntil = Number.POSITIVE_INFINITY
        continue
      } else if (lived === 0) {
        this.#blockedUntil = 0
      }
      this.#report(transport, end)
      if (!this.#again) await retry.wait(end.retryAfter)
      this.#again = false
    }
  }

  #pick(): Transport {
    const { transport, currentRuntime } = this.#options
    if (transport !== 'auto') return transport
    return currentRuntime.WebSocket && Date.now() >= this.#blockedUntil ? 'websocket' : 'sse'
  }

  #mayFallBack(transport: Transport, end: LinkEnd): boolean {
    return this.#options.transport === 'auto' && transport === 'websocket' && end.blocked === true
  }

  #live(transport: Transport): void {
    const { store, changed } = this.#options
    this.#again = false
    if (this.#blockedUntil === Number.POSITIVE_INFINITY) {
      this.#blockedUntil = Date.now() + BLOCKED_FOR
    }
    const fallback = this.#options.transport === 'auto' && transport === 'sse'
    store.setStatus({ state: 'live', transport, fallback }, { error: null })
    changed()
  }

  #report(transport: Transport, error?: BalanceError): void {
    const { store, currentRuntime, changed } = this.#options
    const again = store.lastEventId === undefined ? 'connecting' : 'reconnecting'
    const state = error && !currentRuntime.isOnline() ? 'offline' : again
    store.setStatus({ state, transport }, error && { error: plain(error) })
    changed()
  }

  #unavailable(error: unknown): undefined {
    const message = error instanceof Error ? error.message : String(error)
    this.#options.store.setStatus({}, { error: { code: 'token_unavailable', message } })
    this.#options.changed()
  }

  #refuse(end: LinkEnd): void {
    this.#running = false
    const error = plain(end)
    this.#options.store.setStatus({ state: 'refused' }, { error })
    this.#options.refused(error)
  }
}

function plain({ code, message }: BalanceError): BalanceError {
  return { code, message }
}
