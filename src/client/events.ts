import type { SentEvents } from '../ledger/event.ts'

export type {
  BalanceAlert,
  BalanceInsufficient,
  BalanceUpdated,
  SentEvent as LedgerEventFields,
  SentEvents as LedgerEvents,
  TransactionCompleted,
  TransactionFailed,
} from '../ledger/event.ts'

/** What the server says first on every connection, and again whenever the stream starts anew. */
export interface BalanceInitial {
  /** Major units of `currency`, true now. */
  balance: number
  currency: string
  /** Where the stream stands, `<epoch>:<seq>`: what comes next has a greater `seq`. */
  id: string
  seq: number
  /**
   * True: resumed where this client had left, and the next `replay` events are already counted in
   * `balance`. False: events are missing, so read again whatever you keep besides the balance.
   */
  recovered?: boolean
  replay?: number
  /** This client read too slowly: the newest balance stands in for the events in between. */
  conflated?: boolean
}

/** An event of the ledger with its name, for `switch (event.event)`. */
export type BalanceEvent = {
  [Name in keyof SentEvents]: { event: Name } & SentEvents[Name]
}[keyof SentEvents]

export interface BalanceError {
  /** A code of the server's closed set, or one of the client's own: see `ClientErrorCode`. */
  code: string
  message: string
}

/**
 * `unreachable`: no answer, or the connection broke off. `timeout`: connected, and nothing came.
 * `token_unavailable`: `getToken` threw. `transport_unavailable`: this runtime does not have what the
 * chosen transport needs.
 */
export type ClientErrorCode =
  | 'unreachable'
  | 'timeout'
  | 'token_unavailable'
  | 'transport_unavailable'

/** Everything that `on` takes; `'*'` gets each event of the ledger, with its name. */
export interface ClientEvents extends SentEvents {
  '*': BalanceEvent
  balance_initial: BalanceInitial
  token_expiring: { expiresAt: string }
  error: BalanceError
}
