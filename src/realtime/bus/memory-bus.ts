import type { Logger } from 'pino'
import type { TicketStore } from '../../auth/tickets.ts'
import type { AdminNotice } from '../../ledger/admin-notice.ts'
import type { WalletState } from '../../ledger/balance.ts'
import type { LedgerEvent, UserRef } from '../../ledger/event.ts'
import type { RateCounter, RateStore, Usage } from '../../rate-limit/store.ts'
import { type CacheEntry, cacheEntry, newestEntries } from './balance-cache.ts'
import {
  type Bus,
  type BusListener,
  CACHE_SECONDS,
  type LeaseStore,
  type Link,
  Listeners,
  type ProcessBoard,
} from './bus.ts'
import { type WalletKeys, walletKeys } from './keys.ts'
import type { BusLedger } from './ledgers.ts'
import { encodeEvent, encodeNotice } from './message.ts'
import { FOLLOWED, type Following } from './shards.ts'

export interface MemoryBusOptions {
  epoch: string
  currency: string
  logger: Logger
}

interface CachedBalance {
  text: string
  seq: number
  /** By `performance.now()`. */
  expiresAt: number
}

/** Past this many keys in one map, the oldest make room. */
const MAX_KEYS = 100_000

/** The bus of a machine without Redis: it serves one process and keeps the same promises. */
export class MemoryBus implements Bus {
  readonly kind = 'memory'
  readonly link: Link = { state: 'live' }
  readonly reachable: boolean = true
  readonly tickets: TicketStore = new MemoryTickets()
  readonly leases: LeaseStore = new MemoryLeases()
  readonly rates: RateStore = new MemoryRates()
  /** There is no other process. */
  readonly processes: ProcessBoard = {
    tell: () => Promise.resolve(),
    forget: () => Promise.resolve(),
    all: () => Promise.resolve([]),
  }
  readonly #options: MemoryBusOptions
  readonly #keys: WalletKeys
  readonly #listeners: Listeners
  /** Of tenants that live in other databases. */
  readonly #epochs = new Map<string, string>()
  readonly #cache = new Map<string, CachedBalance>()

  constructor(options: MemoryBusOptions) {
    this.#options = options
    this.#keys = walletKeys(options.currency)
    this.#listeners = new Listeners(options.logger)
  }

  async publish(events: readonly LedgerEvent[], late = false): Promise<void> {
    for (const entry of newestEntries(events, this.#keys)) {
      if (!late || this.#cached(entry.value)) this.#write(entry)
    }
    const messages = events.map((event) => encodeEvent(event, this.#epochOf(event.tenant)))
    // As over a network, listeners run after the publisher, not inside its call.
    setImmediate(() => {
      for (const message of messages) this.#listeners.message(message)
    })
  }

  async announce(notices: readonly AdminNotice[]): Promise<void> {
    const texts = notices.map((notice) => encodeNotice(notice, this.#epochOf(notice.tenant)))
    setImmediate(() => {
      for (const text of texts) this.#listeners.announced(text)
    })
  }

  follow(): Following {
    return FOLLOWED
  }

  followAll(): Following {
    return FOLLOWED
  }

  /** Keeps none: the private Postgres of one process is near. */
  async recentEvents(): Promise<null> {
    return null
  }

  async announceRevocation(): Promise<void> {
    setImmediate(() => this.#listeners.revoked())
  }

  async cachedBalance(user: UserRef, currency: string): Promise<string | null> {
    const key = this.#keys.balance(user, currency)
    return this.#cached(key)?.text ?? null
  }

  async fill(user: UserRef, currency: string, minor: bigint, seq: number): Promise<void> {
    const wallet = { tenant: user.tenant, userId: user.userId, currency, balance: minor, seq }
    this.#write(cacheEntry(wallet, this.#keys))
  }

  async refresh(wallets: readonly WalletState[]): Promise<void> {
    for (const wallet of wallets) {
      const entry = cacheEntry(wallet, this.#keys)
      if (this.#cached(entry.value)) this.#write(entry)
    }
  }

  addLedger({ epoch, tenants = [] }: BusLedger): void {
    for (const tenant of tenants) this.#epochs.set(tenant, epoch)
  }

  listen(listener: BusListener): () => void {
    return this.#listeners.add(listener)
  }

  async close(): Promise<void> {
    this.#cache.clear()
  }

  #epochOf(tenant: string): string {
    return this.#epochs.get(tenant) ?? this.#options.epoch
  }

  #cached(key: string): CachedBalance | undefined {
    const cached = this.#cache.get(key)
    if (cached && cached.expiresAt > performance.now()) return cached
    this.#cache.delete(key)
    return undefined
  }

  #write({ value, seq, text }: CacheEntry): void {
    const cached = this.#cached(value)
    if (cached && cached.seq > seq) return
    // Deleting first moves the key to the end of the map, where the youngest are.
    this.#cache.delete(value)
    this.#cache.set(value, { text, seq, expiresAt: performance.now() + CACHE_SECONDS * 1000 })
    if (this.#cache.size > MAX_KEYS) {
      const [oldest] = this.#cache.keys()
      if (oldest !== undefined) this.#cache.delete(oldest)
    }
  }
}

class MemoryTickets implements TicketStore {
  readonly #tickets = new Map<string, { value: string; expiresAt: number }>()

  async put(ticket: string, value: string, seconds: number): Promise<void> {
    const now = performance.now()
    for (const [old, { expiresAt }] of this.#tickets) {
      if (expiresAt > now) break
      this.#tickets.delete(old)
    }
    this.#tickets.set(ticket, { value, expiresAt: now + seconds * 1000 })
  }

  async take(ticket: string): Promise<string | null> {
    const issued = this.#tickets.get(ticket)
    this.#tickets.delete(ticket)
    return issued && issued.expiresAt > performance.now() ? issued.value : null
  }
}

/** Counts of one process: they end with it, so no lease is needed. */
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

/** Counters of one process. */
export class MemoryRates implements RateStore {
  counter(_name: string, seconds: number): RateCounter {
    return new MemoryCounter(seconds)
  }
}

/** Measures its window by the monotonic clock, which nobody can set. */
class MemoryCounter implements RateCounter {
  readonly #windowMs: number
  readonly #windows = new Map<string, { used: number; endsAt: number }>()

  constructor(seconds: number) {
    this.#windowMs = seconds * 1000
  }

  async add(key: string, points: number): Promise<Usage> {
    const now = performance.now()
    let window = this.#windows.get(key)
    if (!window || window.endsAt <= now) window = this.#begin(key, now)
    window.used += points
    return { used: window.used, msLeft: window.endsAt - now }
  }

  #begin(key: string, now: number) {
    const window = { used: 0, endsAt: now + this.#windowMs }
    // Deleting first moves the key to the end of the map, so that the windows that ended come first.
    this.#windows.delete(key)
    this.#windows.set(key, window)
    for (const [old, { endsAt }] of this.#windows) {
      if (endsAt > now && this.#windows.size <= MAX_KEYS) break
      this.#windows.delete(old)
    }
    return window
  }
}
