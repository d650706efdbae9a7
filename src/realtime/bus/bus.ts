import type { TicketStore } from '../../auth/tickets.ts'
import type { WalletState } from '../../ledger/balance.ts'
import type { LedgerEvent, UserRef } from '../../ledger/event.ts'
import type { RateStore } from '../../rate-limit/store.ts'
import type { LeaseStore } from './leases.ts'

/** The Redis channel of every event of every user. */
export const UPDATES_CHANNEL = 'balance:updates'

/** Where processes tell one another to look at the revocations. What is said there does not matter. */
export const REVOCATIONS_CHANNEL = 'livebalance:revocations'

/** How long a cached balance lives, in seconds. */
export const CACHE_SECONDS = 3600

/**
 * `live`: what is published is heard. `deaf`: connected, yet a message published to ourselves did not
 * come back. `away`: no connection, no answer, or writes are refused.
 */
export interface Link {
  state: 'live' | 'deaf' | 'away'
  reason?: string
}

export interface BusListener {
  /** One message of `balance:updates`, as it came: anyone with access to Redis can have sent it. */
  message(text: string): void
  /** The revocations in Postgres changed. */
  revoked?(): void
  /** The link changed. After `live`, messages may have been missed: compare with the ledger. */
  link(link: Link): void
}

/** The shared cache of balances. */
export interface BalanceCache {
  /** The cached balance as plain decimal text; null when it is not cached, or cannot be trusted now. */
  cachedBalance(who: UserRef, currency: string): Promise<string | null>
  /** Caches what was read from Postgres (minor units, true at `seq`), unless something newer is cached. Never rejects. */
  fill(who: UserRef, currency: string, minor: bigint, seq: number): Promise<void>
}

/** Cache, publish and subscribe: what the processes of one installation share. */
export interface Bus extends BalanceCache {
  readonly kind: 'redis' | 'memory'
  readonly link: Link
  /** False while publishing has no chance: nothing needs to be tried. */
  readonly reachable: boolean
  readonly tickets: TicketStore
  readonly leases: LeaseStore
  /** While Redis is away, or refuses writes, it counts what this process alone sees. */
  readonly rates: RateStore
  /**
   * Caches and publishes the events of one committed batch, in one atomic step. The cache only moves
   * forward: a newer balance stays. Rejects when it is not known to have happened; then publish again.
   * @param late others may have committed after it that are not published either: what is cached moves
   *   forward, and nothing is cached that was not, for it might be older than what a client has seen
   */
  publish(events: readonly LedgerEvent[], late?: boolean): Promise<void>
  /** Tells every process, this one included, that the revocations in Postgres changed. Rejects when it is not known to have happened. */
  announceRevocation(): Promise<void>
  /** Corrects the cached balances that are older than these; caches nothing that was not cached. */
  refresh(wallets: readonly WalletState[]): Promise<void>
  /** Returns a function that stops it. A listener that throws is logged, and heard again next time. */
  listen(listener: BusListener): () => void
  close(): Promise<void>
}
