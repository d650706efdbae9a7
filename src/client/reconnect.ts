import { Connection, type ConnectionOptions, RENEWED } from './connection.ts'
import type { Retry } from './retry.ts'
import type { ConnectionEnd } from './transports/transport.ts'
import type { BalanceError, Transport } from './types.ts'

export interface ReconnectorOptions extends ConnectionOptions {
  transport: Transport | 'auto'
  retry: Retry
  /** The store has a new state of the connection. */
  changed(): void
  /** The server rejected this client, and the reconnector has stopped. */
  refused(error: BalanceError): void
}

/** How long `auto` stays with SSE after it had to fall back. */
const FALLBACK_MS = 300_000

/** How long a connection must be live before the next retry is quick again. */
const STABLE_AFTER_MS = 5_000

/** How many tokens in a row the server may reject before the client gives up. */
const MAX_REJECTED_TOKENS = 3

const TOKEN_CODES = new Set(['unauthorized', 'token_expired', 'token_revoked'])

/** Errors that a retry cannot cure. */
const FINAL_CODES = new Set(['forbidden', 'invalid_request', 'transport_unavailable'])

/** Keeps the client connected. It chooses the transport and the token of each connection. */
export class Reconnector {
  readonly #options: ReconnectorOptions
  /** Counts the starts, so that an older run notices that it was replaced. */
  #run = 0
  #running = false
  /** The newest connection. It may have ended. */
  #connection: Connection | undefined
  /** `wake` was called while a connection was being opened. If it fails, the next attempt follows at once. */
  #retryAtOnce = false
  /** Until then `auto` uses no WebSocket. Infinite until SSE has shown that the server is available. */
  #blockedUntil = 0

  constructor(options: ReconnectorOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#run += 1
    void this.#keepConnected(this.#run)
  }

  stop(): void {
    this.#running = false
    this.#run += 1
    this.#options.retry.wake()
    this.#connection?.end(RENEWED)
  }

  /** The network or the user is back: retries at once, or checks the connection. */
  wake(): void {
    this.#options.retry.reset()
    this.#options.retry.wake()
    if (this.#connection?.opening) this.#retryAtOnce = true
    else this.#connection?.check()
  }

  async #keepConnected(run: number): Promise<void> {
    const { retry, tokens } = this.#options
    let rejectedTokens = 0
    while (run === this.#run) {
      const transport = this.#chooseTransport()
      this.#report(transport)
      const token = await tokens.get().catch((error) => this.#reportTokenError(error))
      if (run !== this.#run) return
      if (token === undefined) {
        await retry.wait()
        continue
      }
      this.#connection = new Connection(transport, token, this.#options, {
        live: () => this.#live(transport),
        tokenUnavailable: (error) => this.#reportTokenError(error),
      })
      const { end, liveMs, token: lastToken } = await this.#connection.run()
      if (run !== this.#run) return
      if (liveMs > 0) rejectedTokens = 0
      if (liveMs > STABLE_AFTER_MS) retry.reset()
      if (end === RENEWED) continue
      if (FINAL_CODES.has(end.code) && !this.#mayFallBack(transport, end)) return this.#refuse(end)
      if (TOKEN_CODES.has(end.code)) {
        // True: there is another token. False: there is none. Undefined: `getToken` threw.
        const replaced = await tokens
          .replace(lastToken)
          .catch((error) => void this.#reportTokenError(error))
        if (run !== this.#run) return
        if (replaced) rejectedTokens += 1
        if (replaced === false || rejectedTokens > MAX_REJECTED_TOKENS) return this.#refuse(end)
        if (replaced && rejectedTokens === 1) continue
      } else if (this.#mayFallBack(transport, end) && liveMs === 0) {
        this.#blockedUntil = Number.POSITIVE_INFINITY
        continue
      } else if (liveMs === 0) {
        this.#blockedUntil = 0
      }
      this.#report(transport, end)
      if (!this.#retryAtOnce) await retry.wait(end.retryAfter)
      this.#retryAtOnce = false
    }
  }

  #chooseTransport(): Transport {
    const { transport, runtime } = this.#options
    if (transport !== 'auto') return transport
    return runtime.WebSocket && Date.now() >= this.#blockedUntil ? 'websocket' : 'sse'
  }

  #mayFallBack(transport: Transport, end: ConnectionEnd): boolean {
    return this.#options.transport === 'auto' && transport === 'websocket' && end.blocked === true
  }

  #live(transport: Transport): void {
    const { store, changed } = this.#options
    this.#retryAtOnce = false
    if (this.#blockedUntil === Number.POSITIVE_INFINITY) {
      this.#blockedUntil = Date.now() + FALLBACK_MS
    }
    const fallback = this.#options.transport === 'auto' && transport === 'sse'
    store.setStatus({ state: 'live', transport, fallback }, { error: null })
    changed()
  }

  #report(transport: Transport, error?: BalanceError): void {
    const { store, runtime, changed } = this.#options
    const waiting = store.lastEventId === undefined ? 'connecting' : 'reconnecting'
    const state = error && !runtime.isOnline() ? 'offline' : waiting
    store.setStatus({ state, transport }, error && { error: errorOf(error) })
    changed()
  }

  #reportTokenError(error: unknown): undefined {
    const message = error instanceof Error ? error.message : String(error)
    this.#options.store.setStatus({}, { error: { code: 'token_unavailable', message } })
    this.#options.changed()
  }

  #refuse(end: ConnectionEnd): void {
    this.#running = false
    const error = errorOf(end)
    this.#options.store.setStatus({ state: 'refused' }, { error })
    this.#options.refused(error)
  }
}

/** Only the fields that users of the client see. */
function errorOf({ code, message }: BalanceError): BalanceError {
  return { code, message }
}
