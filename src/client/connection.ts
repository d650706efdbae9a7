import type { BalanceStore } from './balance-store.ts'
import type { Runtime } from './runtime.ts'
import type { Transport } from './snapshot.ts'
import type { TokenSource } from './token.ts'
import { openSocketIo } from './transports/socketio.ts'
import { openEventStream } from './transports/sse.ts'
import type { Link, LinkEnd, OpenLink } from './transports/transport.ts'
import { openWebSocket } from './transports/websocket.ts'

export interface ConnectionOptions {
  /** Without a slash at its end. */
  url: string
  tokens: TokenSource
  currency: string | undefined
  /** Milliseconds. */
  connectTimeout: number
  store: BalanceStore
  currentRuntime: Runtime
  /** Each message of the server. */
  message(event: string, data: Record<string, unknown>): void
}

export interface ConnectionHandlers {
  /** Once, when the server has told the balance. */
  live(): void
  /** There is no fresh token to be had. */
  unavailable(error: unknown): void
}

/** What became of a connection. */
export interface Outcome {
  end: LinkEnd
  /** For how many milliseconds it was live. */
  lived: number
  /** The last that it had. */
  token: string
}

const OPEN: Record<Transport, OpenLink> = {
  websocket: openWebSocket,
  socketio: openSocketIo,
  sse: openEventStream,
}

/** Milliseconds of silence after which a connection is asked whether it lives: SSE beats every 15 s. */
const QUIET = 25_000

/** Milliseconds that it has to answer. */
const ANSWER_TIMEOUT = 10_000

/** Milliseconds that it has when there is reason to doubt it. */
const DOUBT_TIMEOUT = 5_000

/** Milliseconds between the beats of SSE, and a little more. */
const SSE_BEAT = 18_000

/** Ended by the client itself, to connect again at once. */
export const RENEWED: LinkEnd = { code: 'renewed', message: '' }

/** One connection from its opening to its end: sees whether it still lives, and renews its token. */
export class Connection {
  readonly #transport: Transport
  readonly #options: ConnectionOptions
  readonly #handlers: ConnectionHandlers
  #token: string
  #link: Link | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #renewal: ReturnType<typeof setTimeout> | undefined
  #liveSince = 0
  #heardAt = 0
  #over = false
  /** The error that the server told last, if nothing came after it: then it is why the connection ended. */
  #complaint: LinkEnd | undefined
  #resolve: ((outcome: Outcome) => void) | undefined

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

  /** Neither live yet nor over. */
  get opening(): boolean {
    return !this.#over && this.#liveSince === 0
  }

  /** Opens it. Resolves when it is over. */
  run(): Promise<Outcome> {
    const { url, currency, connectTimeout, store, currentRuntime } = this.#options
    const { fetch, WebSocket } = currentRuntime
    const { lastEventId } = store
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.#heardAt = Date.now()
      this.#within(connectTimeout, this.#giveUp)
      this.#link = OPEN[this.#transport](
        { url, token: this.#token, currency, lastEventId, fetch, WebSocket },
        { message: this.#receive, beat: this.#heard, ended: this.end },
      )
      if (this.#over) this.#link.close()
    })
  }

  /** Closes it; it is over for the reason that is given. */
  readonly end = (end: LinkEnd): void => {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    clearTimeout(this.#renewal)
    this.#link?.close()
    this.#resolve?.({
      end: end.code === 'unreachable' ? (this.#complaint ?? end) : end,
      lived: this.#liveSince > 0 ? Math.max(1, Date.now() - this.#liveSince) : 0,
      token: this.#token,
    })
  }

  /** There is reason to ask whether it still lives. */
  doubt(): void {
    if (this.#over) return
    const silence = Date.now() - this.#heardAt
    this.#within(
      this.#link?.probe() ? DOUBT_TIMEOUT : Math.max(0, SSE_BEAT - silence),
      this.#giveUp,
    )
  }

  #within(milliseconds: number, otherwise: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(otherwise, milliseconds)
  }

  readonly #giveUp = (): void => {
    const blocked = this.#liveSince === 0
    this.end({ code: 'timeout', message: 'the server stays silent', blocked })
  }

  readonly #heard = (): void => {
    this.#heardAt = Date.now()
    if (this.#liveSince === 0) return
    this.#within(QUIET, () => {
      this.#link?.probe()
      this.#within(ANSWER_TIMEOUT, this.#giveUp)
    })
  }

  readonly #receive = (event: string, data: Record<string, unknown>): void => {
    this.#complaint = event === 'error' ? (data as unknown as LinkEnd) : undefined
    if (event === 'balance_initial' && this.#liveSince === 0) {
      this.#liveSince = Date.now()
      this.#handlers.live()
    }
    this.#heard()
    if (event === 'token_expiring') {
      // At random within a third of what is left: not all clients in the same second.
      const left = Date.parse(String(data.expiresAt)) - Date.now()
      this.#renewal = setTimeout(
        () => {
          // Failing that, it is asked for again once the token is over.
          this.#renew().catch((error) => this.#handlers.unavailable(error))
        },
        (Math.random() * left) / 3,
      )
    }
    this.#options.message(event, data)
  }

  async #renew(): Promise<void> {
    const { tokens } = this.#options
    if (!(await tokens.renew(this.#token)) || this.#over) return
    this.#token = await tokens.get()
    if (!this.#over && !this.#link?.authenticate(this.#token)) this.end(RENEWED)
  }
}
