import type { Logger } from 'pino'
import type { TicketStore } from '../../auth/tickets.ts'
import type { WalletState } from '../../ledger/balance.ts'
import type { LedgerEvent, UserRef } from '../../ledger/event.ts'
import type { RateStore } from '../../rate-limit/store.ts'

/** The Redis channel of every event of every user. */
export const UPDATES_CHANNEL = 'balance:updates'

/** A message on this channel, with any text, asks each process to read the revocations again. */
export const REVOCATIONS_CHANNEL = 'livebalance:revocations'

/** How long a cached balance lives. */
export const CACHE_SECONDS = 3600

/**
 * `live`: published messages arrive. `stalled`: connected, but a message published to ourselves did not
 * come back. `disconnected`: no connection, no answer, or writes are refused.
 */
export interface Link {
  state: 'live' | 'stalled' | 'disconnected'
  reason?: string
}

export interface BusListener {
  /** One raw message of `balance:updates`. Anyone with access to Redis can have sent it. */
  message(text: string): void
  /** The revocations in Postgres changed. */
  revoked?(): void
  /** The link changed. After `live`, messages may have been missed: compare with the ledger. */
  link(link: Link): void
}

/** The shared cache of balances. */
export interface BalanceCache {
  /** The cached balance as plain decimal text; null if it is not cached or the cache is not valid now. */
  cachedBalance(user: UserRef, currency: string): Promise<string | null>
  /**
   * Caches a balance that was read from Postgres, unless a newer one is cached. Never rejects.
   * @param minor the balance in minor units, correct at `seq`
   */
  fill(user: UserRef, currency: string, minor: bigint, seq: number): Promise<void>
}

/**
 * Counts each user's connections over all processes. A process holds one lease for all of its counts.
 * So renewing costs one write a period, and the counts of a crashed process end with its lease.
 */
export interface LeaseStore {
  /** Adds one to the count of `user` in `holder`, unless all holders together have `limit`. */
  acquire(user: string, holder: string, limit: number): Promise<boolean>
  release(user: string, holder: string): Promise<void>
  /** Keeps all counts of `holder` for another `seconds`. @returns whether its lease was still valid */
  renew(holder: string, seconds: number): Promise<boolean>
  /** Overwrites the counts of `holder` for these users, after changes that failed or were lost. */
  assert(holder: string, counts: ReadonlyMap<string, number>): Promise<void>
}

/** Cache, publish and subscribe: the state that the processes of one installation share. */
export interface Bus extends BalanceCache {
  readonly kind: 'redis' | 'memory'
  readonly link: Link
  /** False while publishing cannot succeed, so that callers need not try. */
  readonly reachable: boolean
  readonly tickets: TicketStore
  readonly leases: LeaseStore
  /** While Redis is unavailable or refuses writes, it counts only the requests of this process. */
  readonly rates: RateStore
  /**
   * Caches and publishes the events of one committed batch in one atomic step. A newer cached balance
   * stays. Rejects when the step may not have happened; then publish again.
   * @param late later commits may also be unpublished. Then only balances that are cached already are
   *   updated: a balance that was not cached could be older than one that a client has seen.
   */
  publish(events: readonly LedgerEvent[], late?: boolean): Promise<void>
  /** Tells every process, this one too, that the revocations changed. Rejects when that may not have happened. */
  announceRevocation(): Promise<void>
  /** Corrects the cached balances that are older than these. Caches nothing that was not cached. */
  refresh(wallets: readonly WalletState[]): Promise<void>
  /** Returns a function that removes the listener. An error of a listener is logged. */
  listen(listener: BusListener): () => void
  close(): Promise<void>
}

/** Passes everything on to all listeners. Their errors end here, because inside ioredis they would end the process. */
export class Listeners implements BusListener {
  readonly #listeners = new Set<BusListener>()
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  add(listener: BusListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  message(text: string): void {
    this.#each((listener) => listener.message(text))
  }

  revoked(): void {
    this.#each((listener) => listener.revoked?.())
  }

  link(link: Link): void {
    this.#each((listener) => listener.link(link))
  }

  #each(notify: (listener: BusListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        notify(listener)
      } catch (error) {
        this.#logger.error({ err: error }, 'a listener of the bus threw')
      }
    }
  }
}
