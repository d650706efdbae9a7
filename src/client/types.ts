import type { SentEvents } from '../ledger/event.ts'
import type { Fetch, WebSocketConstructor } from './runtime.ts'

export type {
  AutoTopupPaused,
  AvailableChanged,
  BalanceAlert,
  BalanceInsufficient,
  BalanceUpdated,
  HoldExhausted,
  HoldExpiring,
  SentEvent as LedgerEventFields,
  SentEvents as LedgerEvents,
  TransactionCompleted,
  TransactionFailed,
  WalletFrozen,
  WalletUnfrozen,
} from '../ledger/event.ts'

/** The first message on every connection. It comes again whenever the stream starts over. */
export interface BalanceInitial {
  /** The current balance, in major units of `currency`. */
  balance: number
  currency: string
  /** The position of the stream, `<epoch>:<seq>`. Every later event has a greater `seq`. */
  id: string
  seq: number
  /**
   * True: the stream resumed where this client left off. `balance` already includes the next `replay`
   * events. False: events are missing. Reload everything that you keep besides the balance.
   */
  recovered?: boolean
  replay?: number
  /** True: this client read too slowly. The newest balance replaces the events in between. */
  conflated?: boolean
}

/** A ledger event with its name, for `switch (event.event)`. */
export type BalanceEvent = {
  [Name in keyof SentEvents]: { event: Name } & SentEvents[Name]
}[keyof SentEvents]

export interface BalanceError {
  /** One of the server's error codes, or a `ClientErrorCode`. */
  code: string
  message: string
}

/**
 * The error codes of the client itself.
 * - `unreachable`: the server did not answer, or the connection was lost.
 * - `timeout`: the connection was open, but the server sent nothing.
 * - `token_unavailable`: `getToken` threw.
 * - `transport_unavailable`: this runtime lacks something that the chosen transport needs.
 */
export type ClientErrorCode =
  | 'unreachable'
  | 'timeout'
  | 'token_unavailable'
  | 'transport_unavailable'

/** Every name that `on` accepts. `'*'` receives each ledger event with its name. */
export interface ClientEvents extends SentEvents {
  '*': BalanceEvent
  balance_initial: BalanceInitial
  token_expiring: { expiresAt: string }
  error: BalanceError
}

export type Transport = 'websocket' | 'socketio' | 'sse'

/**
 * - `idle`: no connection was requested yet, for example during server rendering.
 * - `connecting`: the first connection is being opened.
 * - `live`: events arrive as they happen.
 * - `reconnecting`: the connection is being restored. The missed events arrive after that.
 * - `offline`: like `reconnecting`, and the browser reports that there is no network.
 * - `refused`: the server rejected this client, and `error` says why. It stays so until `refresh()` or a new client.
 * - `closed`: `close()` was called.
 */
export type ConnectionState =
  | 'idle'
  | 'connecting'
  | 'live'
  | 'reconnecting'
  | 'offline'
  | 'refused'
  | 'closed'

export interface BalanceStatus {
  readonly state: ConnectionState
  /** The transport in use, or the last one that was tried. */
  readonly transport: Transport | null
  /** True while `auto` uses SSE because no WebSocket could be opened. */
  readonly fallback: boolean
  /** Among the tabs of one user, the `leader` holds the connection and passes its events to each `follower`. */
  readonly role: 'alone' | 'leader' | 'follower'
}

/** The state of a client. It is the same object until something changes. */
export interface BalanceSnapshot {
  /** In major units of `currency`. Null until the server has sent it. */
  readonly balance: number | null
  readonly currency: string | null
  /** The `seq` of the last event that `balance` includes. */
  readonly seq: number | null
  readonly status: BalanceStatus
  /** The last ledger event. */
  readonly lastEvent: BalanceEvent | null
  /** The reason why the connection is not live. Null while it is. */
  readonly error: BalanceError | null
}

/** Asks for a page of past events. Without an id: the newest. */
export type HistoryQuery = {
  /** At most so many events, up to 200. Default 50. */
  limit?: number | undefined
} & (
  | { /** Only earlier events, newest first. */ before?: string | undefined; after?: undefined }
  | { /** Only later events, oldest first. */ after: string; before?: undefined }
)

/** A page of a user's events. */
export interface EventsPage {
  items: BalanceEvent[]
  /** Ask with it as `before` or `after` for the next page. Null: there are no older events. */
  nextCursor: string | null
  /** False: the id is of another database, or events after it were deleted. */
  recovered: boolean
}

/** A payment that the page asks about. */
export interface AffordQuery {
  /** Major units, positive. */
  amount: number | string
  /** Default: the client's currency, else the server's. */
  currency?: string | undefined
  /** Spending limits differ by type. Default `booking_payment`. */
  type?: 'booking_payment' | 'transfer' | 'withdrawal' | 'hold' | undefined
}

/** The ledger's decision on a payment that was not made. It holds until the balance changes. */
export interface CanAfford {
  ok: boolean
  /**
   * Why not. `frozen`: an admin froze the wallet. `funds`: the balance is too small. `hold`: too much of it is held.
   * `limit`: a spending limit.
   */
  reason?: 'frozen' | 'funds' | 'hold' | 'limit'
  /** The balance less the held amount, in major units. */
  available: number
  currency: string
  /** ISO 8601: when enough holds have expired, or the window of the limit has moved on. */
  freesAt?: string
}

/** Called for a token at the start, shortly before a token expires, and after one was rejected. */
export type GetToken = () => string | Promise<string>

/** A fixed token, or a function that returns one. */
export type TokenOption =
  | { token: string; getToken?: undefined }
  | { getToken: GetToken; token?: undefined }

export interface ServerOption {
  /** The server's URL, such as `https://balance.example.com`. Default: the page's own origin. */
  url?: string | undefined
  /** Default: the `fetch` of the runtime. */
  fetch?: Fetch | undefined
}

export interface RetryBounds {
  /** The longest delay before the first retry, in milliseconds. Default 500. */
  minDelay?: number | undefined
  /** The longest delay before any retry, in milliseconds. Default 30,000. */
  maxDelay?: number | undefined
}

export type BalanceClientOptions = TokenOption &
  ServerOption & {
    /**
     * `auto` opens a WebSocket, or uses SSE if that fails. `socketio` needs the package `socket.io-client`.
     * Default `auto`.
     */
    transport?: Transport | 'auto' | undefined
    /** ISO 4217 code of the balance. Default: the server's currency. */
    currency?: string | undefined
    /**
     * The most balance frames a second, from 0.1 to 1000. Several changes in between become one `balance_updated` with
     * `fromSeq`, `toSeq`, `count` and `sum`. Default: every change is sent at once.
     */
    maxRate?: number | undefined
    /** With `maxRate`: `each` never merges `transaction_completed` and `transaction_failed`. Default `merged`. */
    transactions?: 'merged' | 'each' | undefined
    /** Whether the tabs of one user share one connection, if the browser supports it. Default true. */
    share?: boolean | undefined
    retry?: RetryBounds | undefined
    /**
     * Milliseconds within which a new connection must receive the balance. After that, `auto` uses SSE in
     * place of a WebSocket. Default 8000.
     */
    connectTimeout?: number | undefined
    /** Default: the `WebSocket` of the runtime. Node 20 has none: pass the one of the package `ws`, or SSE is used. */
    WebSocket?: WebSocketConstructor | undefined
  }
