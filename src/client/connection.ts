import type { BalanceStore } from './balance-store.ts'
import type { Runtime } from './runtime.ts'
import type { TokenSource } from './token.ts'
import { openSocketIo } from './transports/socketio.ts'
import { openEventStream } from './transports/sse.ts'
import type { ConnectionEnd, OpenTransport, TransportConnection } from './transports/transport.ts'
import { openWebSocket } from './transports/websocket.ts'
import type { Transport } from './types.ts'

export interface ConnectionOptions {
  /** Without a slash at its end. */
  url: string
  tokens: TokenSource
  currency: string | undefined
  maxRate: number | undefined
  transactions: 'merged' | 'each' | undefined
  connectTimeoutMs: number
  store: BalanceStore
  runtime: Runtime
  /** Receives each message of the server. */
  message(event: string, data: Record<string, unknown>): void
}

export interface ConnectionHandlers {
  /** Called once, when the server has sent the balance. */
  live(): void
  /** `getToken` threw this error. */
  tokenUnavailable(error: unknown): void
}

/** How a connection went. */
export interface ConnectionResult {
  end: ConnectionEnd
  /** How long it was live; 0 if it never was. */
  liveMs: number
  /** The last token that it used. */
  token: string
}

const OPEN: Record<Transport, OpenTransport> = {
  websocket: openWebSocket,
  socketio: openSocketIo,
  sse: openEventStream,
}

/** The silence after which a connection is probed. SSE sends something at least every 15 s. */
const QUIET_MS = 25_000

/** The time within which a probe must be answered. */
const PROBE_TIMEOUT_MS = 10_000

/** The same, if there is a reason to doubt the connection. */
const URGENT_PROBE_TIMEOUT_MS = 5_000

/** The 15 s between the comments of SSE, and a margin. */
const SSE_BEAT_MS = 18_000

/** The client ended the connection itself, to open the next one at once. */
export const RENEWED: ConnectionEnd = { code: 'renewed', message: '' }

/** One connection from opening to end. It notices when the server stops responding, and renews its token. */
export class Connection {
  readonly #transport: Transport
  readonly #options: ConnectionOptions
  readonly #handlers: ConnectionHandlers
  #token: string
  #connection: TransportConnection | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #renewal: ReturnType<typeof setTimeout> | undefined
  #liveSince = 0
  #heardAt = 0
  #ended = false
  /** The server's last `error` message. If nothing follows it, it is the reason for the end. */
  #lastError: ConnectionEnd | undefined
  #resolve: ((result: ConnectionResult) => void) | undefined

  constructor(
    transport: Transport,
    token: string,
    options: ConnectionOptions,
    handlers: ConnectionHandlers,
  ) {
    this.#transport = transport
    this.#token = token
    this.#options = options
    this.#handlers = handlers
  }

  /** Neither live yet nor ended. */
  get opening(): boolean {
    return !this.#ended && this.#liveSince === 0
  }

  /** Opens the connection. Resolves when it has ended. */
  run(): Promise<ConnectionResult> {
    const { url, currency, maxRate, transactions, connectTimeoutMs, store, runtime } = this.#options
    const { fetch, WebSocket } = runtime
    const { lastEventId } = store
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.#heardAt = Date.now()
      this.#setTimer(connectTimeoutMs, this.#timeOut)
      this.#connection = OPEN[this.#transport](
        {
          ...{ url, token: this.#token, currency, maxRate, transactions, lastEventId },
          ...{ fetch, WebSocket },
        },
        { message: this.#receive, beat: this.#heard, ended: this.end },
      )
      if (this.#ended) this.#connection.close()
    })
  }

  /** Closes the connection for this reason. */
  readonly end = (end: ConnectionEnd): void => {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#timer)
    clearTimeout(this.#renewal)
    this.#connection?.close()
    this.#resolve?.({
      end: end.code === 'unreachable' ? (this.#lastError ?? end) : end,
      liveMs: this.#liveSince > 0 ? Math.max(1, Date.now() - this.#liveSince) : 0,
      token: this.#token,
    })
  }

  /** Checks whether the server still responds, and ends the connection if it does not. */
  check(): void {
    if (this.#ended) return
    const silenceMs = Date.now() - this.#heardAt
    this.#setTimer(
      this.#connection?.probe() ? URGENT_PROBE_TIMEOUT_MS : Math.max(0, SSE_BEAT_MS - silenceMs),
      this.#timeOut,
    )
  }

  #setTimer(delayMs: number, then: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(then, delayMs)
  }

  readonly #timeOut = (): void => {
    const blocked = this.#liveSince === 0
    this.end({ code: 'timeout', message: 'The server did not send anything in time.', blocked })
  }

  readonly #heard = (): void => {
    if (this.#ended) return
    this.#heardAt = Date.now()
    if (this.#liveSince === 0) return
    this.#setTimer(QUIET_MS, () => {
      this.#connection?.probe()
      this.#setTimer(PROBE_TIMEOUT_MS, this.#timeOut)
    })
  }

  readonly #receive = (event: string, data: Record<string, unknown>): void => {
    if (this.#ended) return
    this.#lastError = event === 'error' ? (data as unknown as ConnectionEnd) : undefined
    if (event === 'balance_initial' && this.#liveSince === 0) {
      this.#liveSince = Date.now()
      this.#handlers.live()
    }
    this.#heard()
    if (event === 'token_expiring') {
      // At a random time within the first third of the rest, so that clients do not all renew in the same second.
      const leftMs = Date.parse(String(data.expiresAt)) - Date.now()
      this.#renewal = setTimeout(
        () => {
          // After a failure, the next attempt follows when the token has expired.
          this.#renew().catch((error) => this.#handlers.tokenUnavailable(error))
        },
        (Math.random() * leftMs) / 3,
      )
    }
    this.#options.message(event, data)
  }

  async #renew(): Promise<void> {
    const { tokens } = this.#options
    if (!(await tokens.renew(this.#token)) || this.#ended) return
    this.#token = await tokens.get()
    if (!this.#ended && !this.#connection?.authenticate(this.#token)) this.end(RENEWED)
  }
}
