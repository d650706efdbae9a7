import { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { WalletState } from '../../ledger/balance.ts'
import type { LedgerEvent, UserRef } from '../../ledger/event.ts'
import type { ChangeLog } from '../../ledger/event-store.ts'
import { allFulfilled, Batcher } from '../../lib/batcher.ts'
import { encodeEvent } from '../stream/frame.ts'
import {
  balanceKey,
  type CacheEntry,
  CacheValidity,
  cacheEntry,
  dropForeignBalances,
  newestEntries,
  PROBE,
  refreshCache,
} from './balance-cache.ts'
import {
  type Bus,
  type BusListener,
  CACHE_SECONDS,
  type Link,
  Listeners,
  REVOCATIONS_CHANNEL,
  UPDATES_CHANNEL,
} from './bus.ts'
import { CONNECTION_CLOSED, failureOf, type RedisFailure } from './redis-failure.ts'
import { PUBLISH } from './redis-scripts.ts'
import { RedisLeases, RedisRates, RedisTickets } from './redis-stores.ts'
import { RedisSubscription } from './redis-subscription.ts'

export interface RedisBusOptions {
  url: string
  /** The ledger's epoch. */
  epoch: string
  /** The currency of the documented `balance:user:<userId>` keys. */
  currency: string
  changes: ChangeLog
  logger: Logger
  /** A command without an answer fails after this time. Default 1000. */
  commandTimeoutMs?: number
  /** The subscription is probed after this much silence. Default 1000. */
  probeAfterMs?: number
}

/**
 * The bus over Redis, on two connections: one subscribes, the other does the rest. Nothing queues while
 * Redis is unavailable or refuses writes: commands fail immediately, and reads of the cache return null.
 */
export class RedisBus implements Bus {
  readonly kind = 'redis'
  readonly leases: RedisLeases
  readonly rates: RedisRates
  readonly tickets: RedisTickets
  readonly #options: RedisBusOptions
  readonly #commands: Redis
  readonly #subscriber: Redis
  readonly #subscription: RedisSubscription
  readonly #failureOf: (error: unknown) => RedisFailure
  readonly #listeners: Listeners
  readonly #validity: CacheValidity
  readonly #reads: Batcher<string, string | null>
  readonly #fills: Batcher<CacheEntry, undefined>
  /** False from a timed-out command until one is answered: a paused Redis closes no connection. */
  #answering = true
  /** Whether Redis refused the last write. Then it answers reads, but publishes nothing. */
  #refusing = false

  constructor(options: RedisBusOptions) {
    this.#options = options
    const { url, logger } = options
    const shared = {
      connectTimeout: 2000,
      retryStrategy: (attempt: number) => Math.min(1000, 25 * 2 ** attempt) * (0.5 + Math.random()),
    }
    this.#commands = new Redis(url, {
      ...shared,
      connectionName: 'livebalance',
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: options.commandTimeoutMs ?? 1000,
    })
    this.#subscriber = new Redis(url, {
      ...shared,
      connectionName: 'livebalance-subscriber',
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: null,
    })
    const { epoch, currency, changes } = options
    const { password } = new URL(url)
    this.#failureOf = (error) => failureOf(error, decodeURIComponent(password))
    this.#listeners = new Listeners(logger)
    this.#subscription = new RedisSubscription({
      write: (channel, text) =>
        this.#write('all', [cacheEntry({ ...PROBE, currency }, currency)], [text], channel),
      failureOf: this.#failureOf,
      subscriber: this.#subscriber,
      logger,
      probeAfterMs: options.probeAfterMs ?? 1000,
      onMessage: (text) => this.#listeners.message(text),
      onRevocation: () => this.#listeners.revoked(),
      onChange: (link) => this.#listeners.link(link),
      onMayHaveMoved: () => this.#commands.disconnect(true),
    })
    const awaited = <T>(command: Promise<T>) => this.#await(command)
    this.#validity = new CacheValidity({
      redis: this.#commands,
      dropForeign: () => awaited(dropForeignBalances(this.#commands, `${epoch}:${currency}`)),
      correct: (withinSeconds) => refreshCache(this, changes, withinSeconds),
      logger,
    })
    this.#commands.on('error', (error) => this.#subscription.failed(this.#failureOf(error)))
    this.#commands.on('close', () => this.#subscription.failed(CONNECTION_CLOSED))
    this.#reads = new Batcher(
      async (keys) => allFulfilled(await awaited(this.#commands.mget(keys))),
      {
        size: 512,
      },
    )
    this.#fills = new Batcher(
      async (entries) => {
        await this.#write('all', entries, [])
        return allFulfilled(entries.map(() => undefined))
      },
      { size: 256 },
    )
    this.leases = new RedisLeases(this.#commands, awaited)
    this.rates = new RedisRates(this.#commands, awaited)
    this.tickets = new RedisTickets(this.#commands, awaited)
  }

  get link(): Link {
    return this.#subscription.link
  }

  get reachable(): boolean {
    return this.#answering && !this.#refusing && this.#commands.status === 'ready'
  }

  async publish(events: readonly LedgerEvent[], late = false): Promise<void> {
    this.#assertReachable()
    const { epoch, currency } = this.#options
    const messages = events.map((event) => encodeEvent(event, epoch))
    const mode = late ? 'cached' : 'all'
    await this.#write(mode, newestEntries(events, currency), messages)
    // Redis sends the messages to our own subscriber at the same moment. Callers, HTTP answers above all,
    // come after the messages: one turn later, once for a whole batch.
    await new Promise((resolve) => setImmediate(resolve))
  }

  async announceRevocation(): Promise<void> {
    this.#assertReachable()
    await this.#await(this.#commands.publish(REVOCATIONS_CHANNEL, ''))
  }

  async cachedBalance(user: UserRef, currency: string): Promise<string | null> {
    if (!this.#validity.isValid || !this.reachable) return null
    try {
      return await this.#reads.add(balanceKey(user, currency, this.#options.currency))
    } catch {
      return null
    }
  }

  async fill(user: UserRef, currency: string, minor: bigint, seq: number): Promise<void> {
    const wallet = { tenant: user.tenant, userId: user.userId, currency, balance: minor, seq }
    if (!this.reachable) return
    try {
      await this.#fills.add(cacheEntry(wallet, this.#options.currency))
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'a balance was not cached')
    }
  }

  async refresh(wallets: readonly WalletState[]): Promise<void> {
    const entries = wallets.map((wallet) => cacheEntry(wallet, this.#options.currency))
    await this.#write('cached', entries, [])
  }

  listen(listener: BusListener): () => void {
    return this.#listeners.add(listener)
  }

  async close(): Promise<void> {
    this.#validity.close()
    this.#subscription.close()
    this.#subscriber.disconnect()
    this.#commands.disconnect()
  }

  #assertReachable(): void {
    if (!this.reachable) throw new Error('Redis is unavailable')
  }

  /** The only way in which balances and events get to Redis. If one write is refused, all are. */
  async #write(
    mode: 'all' | 'cached',
    entries: CacheEntry[],
    messages: string[],
    channel: string = UPDATES_CHANNEL,
  ): Promise<void> {
    const keys = entries.flatMap((entry) => [entry.value, entry.version])
    const balances = entries.flatMap((entry) => [entry.seq, entry.text])
    const head = [this.#options.epoch, CACHE_SECONDS, mode, channel, entries.length]
    let written: unknown
    try {
      written = await PUBLISH.run(this.#commands, keys, [...head, ...balances, ...messages])
    } catch (error) {
      this.#validity.failed()
      const failure = this.#failed(error)
      if (failure.isRefusal) {
        this.#refusing = true
        this.#subscription.failed(failure)
      }
      throw error
    }
    this.#answering = true
    // Without a written balance (all were older, or not cached) the answer does not prove that writes work.
    if (written === 0) return
    this.#refusing = false
    this.#subscription.wrote()
    this.#validity.wrote()
  }

  async #await<T>(command: Promise<T>): Promise<T> {
    try {
      const answer = await command
      this.#answering = true
      return answer
    } catch (error) {
      const failure = this.#failed(error)
      if (failure.isRefusal) void this.#subscription.refused(failure)
      throw error
    }
  }

  /** Notices a Redis that does not answer. A lost connection is noticed by its own event. */
  #failed(error: unknown): RedisFailure {
    const failure = this.#failureOf(error)
    if (failure.code === 'TIMEOUT') {
      this.#answering = false
      this.#validity.failed()
      this.#subscription.failed(failure)
    }
    return failure
  }
}
