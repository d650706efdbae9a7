import { Cluster } from 'ioredis'
import type { Logger } from 'pino'
import type { WalletState } from '../../ledger/balance.ts'
import type { LedgerEvent } from '../../ledger/event.ts'
import type { ChangeLog } from '../../ledger/event-store.ts'
import { toDecimal } from '../../ledger/money.ts'
import { sleep } from '../../lib/timeout.ts'
import { type Bus, CACHE_SECONDS } from './bus.ts'
import { BALANCE_PATTERNS, OWNER_KEY, type WalletKeys } from './keys.ts'
import type { RedisCommands } from './redis-connections.ts'

/** Not a real wallet, because a tenant has a name. It is written to test whether Redis accepts writes. */
export const PROBE = { tenant: '', userId: 'probe', balance: 0n, seq: 0 } as const

/** One balance to be written into the cache. */
export interface CacheEntry {
  /** The Redis keys of the balance and of its version. */
  value: string
  version: string
  seq: number
  /** Plain decimal. */
  text: string
  /** Entries with the same one may be written by one script. */
  slotTag: string
}

export function cacheEntry(wallet: WalletState, keys: WalletKeys): CacheEntry {
  return entryAt(wallet, wallet.balance, keys.version(wallet, wallet.currency), keys)
}

/** The newest balance of each wallet that the events touch. */
export function newestEntries(events: readonly LedgerEvent[], keys: WalletKeys): CacheEntry[] {
  const newest = new Map<string, LedgerEvent>()
  for (const event of events) {
    const version = keys.version(event, event.currency)
    const known = newest.get(version)
    if (!known || known.seq < event.seq) newest.set(version, event)
  }
  return Array.from(newest, ([version, event]) => entryAt(event, event.newBalance, version, keys))
}

/** @param wallet an event or a wallet, not copied: copying an event would cost more than the rest of this function */
function entryAt(
  wallet: Omit<WalletState, 'balance'>,
  balance: bigint,
  version: string,
  keys: WalletKeys,
): CacheEntry {
  const { currency, seq } = wallet
  const value = keys.balance(wallet, currency)
  return { value, version, seq, text: toDecimal(balance, currency), slotTag: keys.slotTag(wallet) }
}

/** Keys that are read at a time, and balances that are written. */
const PAGE_SIZE = 500

/** Wallets that are looked at by one statement: few enough for its time limit, however many wallets there are. */
const LOOKED_AT = 5_000

/**
 * Corrects a cache that missed changes or has gone back in time. Only changes within the TTL matter: a
 * balance that was cached before an older change has expired since.
 */
export async function refreshCache(
  bus: Pick<Bus, 'refresh'>,
  changes: ChangeLog,
  withinSeconds: number,
  livesThere: (wallet: WalletState) => boolean = () => true,
): Promise<void> {
  const seconds = Math.min(CACHE_SECONDS, withinSeconds)
  let cursor: string | null = null
  do {
    const page = await changes.changedWithin(seconds, cursor, LOOKED_AT)
    const wallets = page.wallets.filter(livesThere)
    for (let from = 0; from < wallets.length; from += PAGE_SIZE) {
      await bus.refresh(wallets.slice(from, from + PAGE_SIZE))
    }
    cursor = page.next
  } while (cursor !== null)
}

/**
 * Drops all cached balances if they belong to another database or another default currency.
 * @param owner identifies both
 * @param ownerKey has the owner of the keys that match `patterns`. Default: of all balances
 */
export async function dropForeignBalances(
  redis: RedisCommands,
  owner: string,
  ownerKey: string = OWNER_KEY,
  patterns: readonly string[] = BALANCE_PATTERNS,
): Promise<void> {
  if ((await redis.get(ownerKey)) === owner) return
  for (const pattern of patterns) {
    for (const node of redis instanceof Cluster ? redis.nodes('master') : [redis]) {
      let cursor = '0'
      do {
        const [next, keys] = await node.scan(cursor, 'MATCH', pattern, 'COUNT', PAGE_SIZE)
        await unlink(redis, keys)
        cursor = next
      } while (cursor !== '0')
    }
  }
  await redis.set(ownerKey, owner)
}

async function unlink(redis: RedisCommands, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return
  if (redis instanceof Cluster) await Promise.all(keys.map((key) => redis.unlink(key)))
  else await redis.unlink(...keys)
}

/** Reads keys of any slot. */
export async function readKeys(
  redis: RedisCommands,
  keys: readonly string[],
): Promise<(string | null)[]> {
  if (redis instanceof Cluster) return await Promise.all(keys.map((key) => redis.get(key)))
  return await redis.mget([...keys])
}

export interface CacheValidityOptions {
  /** Drops the balances of another database or another default currency. */
  dropForeign(): Promise<void>
  /** Corrects the balances that the ledger has changed within so many seconds. */
  correct(withinSeconds: number): Promise<void>
  logger: Logger
}

/** A change may have been committed this long before the last answer of Redis without reaching it. */
const MARGIN_SECONDS = 60

/** The pause after a comparison that proved nothing. */
const RETRY_MS = 1000

/**
 * Whether reads may use the cache. Redis can come back with data of any age. While it is paused or refuses
 * writes, it misses changes.
 */
export class CacheValidity {
  readonly #options: CacheValidityOptions
  /** False from any doubt until the content of Redis was compared with the ledger. */
  #valid = false
  /** Counts the doubts. A comparison that began before the last one proves nothing. */
  #doubts = 0
  /** When Redis last accepted a write, by `performance.now()`. Until then it missed nothing. */
  #completeUntil = Number.NEGATIVE_INFINITY
  #comparing: Promise<void> | undefined
  #closed = false

  constructor(options: CacheValidityOptions) {
    this.#options = options
  }

  get isValid(): boolean {
    return this.#valid
  }

  /** Redis accepted a write. A read would prove nothing: a Redis that refuses writes still answers reads. */
  wrote(): void {
    if (this.#valid) this.#completeUntil = performance.now()
    else this.#regain()
  }

  /** A write was refused, or a command got no answer in time. */
  failed(): void {
    this.#doubts += 1
    this.#valid = false
  }

  /** The connection was lost. Redis may come back with data of any age. */
  closed(): void {
    this.#completeUntil = Number.NEGATIVE_INFINITY
    this.failed()
  }

  close(): void {
    this.#closed = true
  }

  #regain(): void {
    this.#comparing ??= this.#compare().finally(() => {
      this.#comparing = undefined
    })
  }

  async #compare(): Promise<void> {
    const { dropForeign, correct, logger } = this.#options
    const doubts = this.#doubts
    try {
      await dropForeign()
      await correct((performance.now() - this.#completeUntil) / 1000 + MARGIN_SECONDS)
      if (doubts === this.#doubts) this.#valid = true
    } catch (error) {
      if (this.#closed) return
      // A failure of Redis is logged by the subscription.
      if (doubts === this.#doubts && (error as Error).name !== 'ReplyError') {
        logger.warn({ err: error }, 'the cache could not be compared with the ledger; trying again')
      }
    }
    // The next write or probe begins the comparison again.
    if (!this.#valid) await sleep(RETRY_MS, { unref: true })
  }
}
