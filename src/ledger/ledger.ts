import type { Command, Outcome, Transaction } from './command.ts'
import type { LedgerEvent, Who } from './event.ts'

/** A wallet in one currency. Amounts in minor units. */
export interface Balance {
  balance: bigint
  /** Promised to open holds and withdrawals; `balance - held` can be spent. */
  held: bigint
  currency: string
  /** The user's newest event when this was read: what has a smaller seq is already counted in. */
  seq: number
  updatedAt: string
}

/** What a stream needs of the ledger to resume and to repair: read from Postgres, never from a cache. */
export interface EventStore {
  /** Names this database's life: ids of events begin with it. */
  readonly epoch: string
  /** The balance in `currency`; zeros and seq 0 for a user who has no wallet yet. */
  balance(who: Who, currency: string): Promise<Balance>
  /**
   * The user's events with `after < seq`, in order, at most `limit`. `head` is the newest seq at the
   * same instant. When the first one's seq is not `after + 1`, older ones were pruned.
   */
  eventsAfter(
    who: Who,
    after: number,
    limit: number,
  ): Promise<{ head: number; events: LedgerEvent[] }>
  /** The newest seq of each, in the order asked; 0 for the unknown. One query however many. */
  heads(whos: readonly Who[]): Promise<number[]>
}

/** The ledger's write side. */
export interface Executor {
  /** Applies one command; resolves once it is committed. Refusals are values; throws only for bugs and outages. */
  execute(command: Command): Promise<Outcome>
}

export interface TransactionQuery extends Who {
  type?: string
  status?: string
  /** ISO 8601, inclusive and exclusive. */
  from?: string
  to?: string
  cursor?: string
  limit: number
}

export interface TransactionPage {
  items: Transaction[]
  nextCursor: string | null
}
