import type { Logger } from 'pino'
import type { TicketStore } from '../../auth/tickets.ts'
import type { WalletState } from '../../ledger/balance.ts'
import type { LedgerEvent, UserRef } from '../../ledger/event.ts'
import type { RateStore } from '../../rate-limit/store.ts'
import { type Bus, type BusListener, CACHE_SECONDS, type Link } from './bus.ts'
import { type CacheEntry, cacheEntry, newestEntries } from './cache-entry.ts'
import { balanceKey } from './keys.ts'
import type { LeaseStore } from './leases.ts'
import { Listeners } from './listeners.ts'
import { encodeEvent } from './message.ts'
import { MemoryRates } from './rate-store.ts'

export interface MemoryBusOptions {
  epoch: string
  currency: string
  logger: Logger
}

interface Kept {
  text: string
  seq: number
  /** By `performance.now()`. */
  until: number
}

/** More cached balances than this, and the longest unwritten ones make room. */
const MOST = 100_000

/** The in-process stand-in for a machine without Redis: one process, the same promises. */
export class MemoryBus implements Bus {
  readonly kind = 'memory'
  readonly link: Link = { state: 'live' }
  readonly reachable = true
  readonly tickets: TicketStore = new MemoryTickets()
  readonly leases: LeaseStore = new MemoryLeases()
  readonly rates: RateStore = new MemoryRates()
  readonly #options: MemoryBusOptions
  readonly #listeners: Listeners
  readonly #cache = new Map<string, Kept>()

  constructor(options: MemoryBusOptions) {
    this.#options = options
    this.#listeners = new Listeners(options.logger)
  }

  async publish(events: readonly LedgerEvent[], late = false): Promise<void> {
    for (const entry of newestEntries(events, this.#options.currency)) {
      if (!late || this.#held(entry.value)) this.#keep(entry)
    }
    const messages = events.map((event) => encodeEvent(event, this.#options.epoch))
    // As over a network: listeners run after, and apart from, the publisher.
    setImmediate(() => {
      for (const message of messages) this.#listeners.message(message)
    })
  }

  async announceRevocation(): Promise<void> {
    setImmediate(() => this.#listeners.revoked())
  }

  async cachedBalance(who: UserRef, currency: string): Promise<string | null> {
    const key = balanceKey(who, currency, this.#options.currency)
    return this.#held(key)?.text ?? null
  }

  async fill(who: UserRef, currency: string, minor: bigint, seq: number): Promise<void> {
    const wallet = { tenant: who.tenant, userId: who.userId, currency, balance: minor, seq }
    this.#keep(cacheEntry(wallet, this.#options.currency))
  }

  async refresh(wallets: readonly WalletState[]): Promise<void> {
    for (const wallet of wallets) {
      const entry = cacheEntry(wallet, this.#options.currency)
      if (this.#held(entry.value)) this.#keep(entry)
    }
  }

  listen(listener: BusListener): () => void {
    return this.#listeners.add(listener)
  }

  async close(): Promise<void> {
    this.#cache.clear()
  }

  #held(key: string): Kept | undefined {
    const kept = this.#cache.get(key)
    if (kept && kept.until > performance.now()) return kept
    this.#cache.delete(key)
    return undefined
  }

  #keep({ value, seq, text }: CacheEntry): void {
    const held = this.#held(value)
    if (held && held.seq > seq) return
    this.#cache.delete(value)
    this.#cache.set(value, { text, seq, until: performance.now() + CACHE_SECONDS * 1000 })
    if (this.#cache.size > MOST) {
      const [oldest] = this.#cache.keys()
      if (oldest !== undefined) this.#cache.delete(oldest)
    }
  }
}

class MemoryTickets implements TicketStore {
  readonly #tickets = new Map<string, { value: string; until: number }>()

  async put(ticket: string, value: string, seconds: number): Promise<void> {
    const now = performance.now()
    for (const [old, { until }] of this.#tickets) {
      if (until > now) break
      this.#tickets.delete(old)
    }
    this.#tickets.set(ticket, { value, until: now + seconds * 1000 })
  }

  async take(ticket: string): Promise<string | null> {
    const held = this.#tickets.get(ticket)
    this.#tickets.delete(ticket)
    return held && held.until > performance.now() ? held.value : null
  }
}

/** Counts of one process: a holder that is gone took them along. */
class MemoryLeases implements LeaseStore {
  readonly #counts = new Map<string, number>()

  async acquire(user: string, _holder: string, limit: number): Promise<boolean> {
    const count = this.#counts.get(user) ?? 0
    if (count >= limit) return false
    this.#counts.set(user, count + 1)
    return true
  }

  async release(user: string): Promise<void> {
    const count = (this.#counts.get(user) ?? 0) - 1
    if (count > 0) this.#counts.set(user, count)
    else this.#counts.delete(user)
  }

  async renew(): Promise<boolean> {
    return true
  }

  async assert(): Promise<void> {}
}
