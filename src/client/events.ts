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

/** The fields that every event of the ledger has. */
export interface LedgerEventFields {
  /** `<epoch>:<seq>` */
  id: string
  /** 1, 2, 3 … per user, the same on every transport. */
  seq: number
  currency: string
  /** ISO 8601. */
  timestamp: string
}

/** Amounts are major units of `currency`; `amount` is signed as the user sees it. */
export interface BalanceUpdated extends LedgerEventFields {
  newBalance: number
  previousBalance: number
  transactionId?: string
  transactionType?: string
  amount?: number
}

export interface TransactionCompleted extends LedgerEventFields {
  transactionId: string
  transactionType: string
  amount: number
  newBalance: number
  status?: string
}

export interface TransactionFailed extends LedgerEventFields {
  transactionId: string
  transactionType: string
  status?: string
}

export interface BalanceInsufficient extends LedgerEventFields {
  requiredAmount: number
  currentBalance: number
  /** What was missing of the balance less what is held. */
  shortfall: number
}

export interface BalanceAlert extends LedgerEventFields {
  threshold: number
  direction: 'below' | 'above'
  newBalance: number
}

/** The events of the ledger, each of which comes once, in order. */
export interface LedgerEvents {
  balance_updated: BalanceUpdated
  transaction_completed: TransactionCompleted
  transaction_failed: TransactionFailed
  balance_insufficient: BalanceInsufficient
  balance_alert: BalanceAlert
}

/** An event of the ledger with its name, for `switch (event.event)`. */
export type BalanceEvent = {
  [Name in keyof LedgerEvents]: { event: Name } & LedgerEvents[Name]
}[keyof LedgerEvents]

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
export interface ClientEvents extends LedgerEvents {
  '*': BalanceEvent
  balance_initial: BalanceInitial
  token_expiring: { expiresAt: string }
  error: BalanceError
}
