import type { Logger } from 'pino'
import type { TicketStore } from '../../auth/tickets.ts'
import type { AdminNotice } from '../../ledger/admin-notice.ts'
import type { WalletState } from '../../ledger/balance.ts'
import type { LedgerEvent, UserRef } from '../../ledger/event.ts'
import type { RateStore } from '../../rate-limit/store.ts'
import type { RecentEvents, RecentQuery } from './event-history.ts'
import type { BusLedger } from './ledgers.ts'
import type { Following } from './shards.ts'

/** A message on this channel, with any text, asks each process to read the revocations, tenants and keys again. */
export const REVOCATIONS_CHANNEL = 'livebalance:revocations'

/** The Redis channel of what admins are told beside the events of users. */
export const ADMINS_CHANNEL = 'livebalance:admins'

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
  /** One raw message of `livebalance:admins`. Anyone with access to Redis can have sent it. */
  announced?(text: string): void
  /** The revocations, tenants or keys in Postgres changed. */
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

/** What a process last told the others of itself. */
export interface ToldState {
  id: string
  /** As the process wrote it. */
  text: string
  /** Since it was told, by the clock of the store. */
  ageSeconds: number
}

/** Where the processes of one installation tell one another their state. Every method rejects while it is unavailable. */
export interface ProcessBoard {
  tell(id: string, text: string): Promise<void>
  /** At the end of a process. */
  forget(id: string): Promise<void>
  /** Also processes that were killed, for `PROCESS_SECONDS` after they last told something. */
  all(): Promise<ToldState[]>
}

/** How long the state of a process is kept. */
export const PROCESS_SECONDS = 600

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
  readonly processes: ProcessBoard
  /**
   * Caches and publishes the events of one committed batch in one atomic step. A newer cached balance
   * stays. Rejects when the step may not have happened; then publish again.
   * @param late later commits may also be unpublished. Then only balances that are cached already are
   *   updated: a balance that was not cached could be older than one that a client has seen.
   */
  publish(events: readonly LedgerEvent[], late?: boolean): Promise<void>
  /**
   * The newest events of a user, if all that were asked for are known without the ledger. It misses at most events
   * that are not published yet. Those come as messages. Null: ask the ledger. Never rejects.
   */
  recentEvents(query: RecentQuery): Promise<RecentEvents | null>
  /** Messages of this user's shard are wanted. Until then, and some time after the release, they may arrive too. */
  follow(user: UserRef): Following
  /** Messages of all users are wanted. */
  followAll(): Following
  /** Tells every process, this one too, that revocations, tenants or keys changed. Rejects when that may not have happened. */
  announceRevocation(): Promise<void>
  /** Tells the admins of a tenant, on every process. Rejects when that may not have happened. */
  announce(notices: readonly AdminNotice[]): Promise<void>
  /** Corrects the cached balances that are older than these. Caches nothing that was not cached. */
  refresh(wallets: readonly WalletState[]): Promise<void>
  /** Another database was reached, whose balances and events are on this bus too. */
  addLedger(ledger: BusLedger): void
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

  announced(text: string): void {
    this.#each((listener) => listener.announced?.(text))
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
