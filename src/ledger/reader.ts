import type { Balance, Balances, Snapshot } from './balance.ts'
import type { Transaction, TransactionStatus, TransactionType } from './command.ts'
import type { UserRef } from './event.ts'
import type { EventStore } from './event-store.ts'

/** Which transactions; what is left out does not narrow. */
export interface TransactionFilter {
  tenant: string
  userId?: string
  type?: TransactionType
  status?: TransactionStatus
  currency?: string
  /** ISO 8601, by `createdAt`: inclusive and exclusive. */
  from?: string
  to?: string
}

export interface TransactionQuery extends TransactionFilter {
  /** The `nextCursor` of the page before: the id of its last transaction. */
  cursor?: string
  limit: number
  /** By time of request. Default `desc`, newest first. */
  order?: 'asc' | 'desc'
}

/** The types that an admin decides. */
export type RequestType = Extract<TransactionType, 'topup' | 'withdrawal'>

/** Which of the requests that wait for an admin. */
export interface RequestQuery extends Omit<TransactionQuery, 'type' | 'status'> {
  types: readonly RequestType[]
}

export interface TransactionPage {
  items: Transaction[]
  /** Null on the last page. */
  nextCursor: string | null
}

export interface RequestPage extends TransactionPage {
  /** How many wait, on all pages. */
  total: number
  /** How many of them come before this page. */
  offset: number
}

/** A balance over time: `points` moments at equal distances. */
export interface SeriesQuery {
  /** ISO 8601. Without it: the wallet's first entry, and now. */
  from?: string
  to?: string
  points: number
}

/** A balance as it stood at an instant (ISO 8601), in minor units. */
export interface BalanceAt {
  at: string
  balance: bigint
}

/** The ledger's read side. Everything is read from Postgres. */
export interface Reader extends Pick<EventStore, 'balance'> {
  /** The balance in `currency`; undefined for an unknown user. Unlike `balance`, it makes nobody known. */
  knownBalance(who: UserRef, currency: string): Promise<Balance | undefined>
  /** Minor units; 0 before the first entry. `at` is ISO 8601, inclusive. */
  balanceAt(who: UserRef, currency: string, at: string): Promise<bigint>
  /** Undefined for a user whom the ledger does not know. Makes nobody known. */
  balances(who: UserRef): Promise<Balances | undefined>
  /** Oldest first, both ends included. Empty where the wallet has no entry, or `to` is before its first one. */
  balanceSeries(who: UserRef, currency: string, query: SeriesQuery): Promise<BalanceAt[]>
  snapshot(who: UserRef, currency: string): Promise<Snapshot | undefined>
  /** With `userId`, only that user's own transaction is found. */
  transaction(tenant: string, id: string, userId?: string): Promise<Transaction | undefined>
  transactions(query: TransactionQuery): Promise<TransactionPage>
  /** The requests that wait for an admin, with their number. */
  requests(query: RequestQuery): Promise<RequestPage>
  /**
   * The whole selection, oldest first, in pages: memory does not grow with its length. What is added
   * while it is read may or may not be in it; nothing is in it twice. Leaving the loop early frees the cursor.
   */
  statement(filter: TransactionFilter): AsyncIterable<Transaction[]>
}
