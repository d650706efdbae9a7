import type { Balance } from './balance.ts'
import type { LedgerEvent, UserRef } from './event.ts'

/** What a stream needs of the ledger to resume and to repair: read from Postgres, never from a cache. */
export interface EventStore {
  /** Names this database's life: ids of events begin with it. */
  readonly epoch: string
  /** The balance in `currency`; zeros and seq 0 for a user who has no wallet yet. */
  balance(who: UserRef, currency: string): Promise<Balance>
  /**
   * The user's events with `after < seq`, in order, at most `limit`. `head` is the newest seq at the
   * same instant. When the first one's seq is not `after + 1`, older ones were pruned.
   */
  eventsAfter(
    who: UserRef,
    after: number,
    limit: number,
  ): Promise<{ head: number; events: LedgerEvent[] }>
  /** The newest seq of each, in the order asked; 0 for the unknown. One query however many. */
  heads(whos: readonly UserRef[]): Promise<number[]>
}
