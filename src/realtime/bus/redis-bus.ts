import type { Logger } from 'pino'
import type { RedisTarget } from '../../config/redis-address.ts'
import type { WalletState } from '../../ledger/balance.ts'
import type { LedgerEvent, UserRef } from '../../ledger/event.ts'
import type { ChangeLog } from '../../ledger/event-store.ts'
import { allFulfilled, Batcher } from '../../lib/batcher.ts'
import { encodeEvent } from '../stream/frame.ts'
import {
  type CacheEntry,
  CacheValidity,
  cacheEntry,
  dropForeignBalances,
  newestEntries,
  PROBE,
  readKeys,
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
import { type WalletKeys, walletKeys } from './keys.ts'
import { connectRedis, type RedisConnections } from './redis-connections.ts'
import { failureOf, type RedisFailure } from './redis-failure.ts'
import { PUBLISH } from './redis-scripts.ts'
import { RedisLeases, RedisRates, RedisTickets } from './redis-stores.ts'
import { RedisSubscription } from './redis-subscription.ts'

export interface RedisBusOptions {
  redis: RedisTarget
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
  readonly #keys: WalletKeys
  readonly #connections: RedisConnections
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
    const { redis, epoch, currency, changes, logger } = options
    this.#keys = walletKeys(currency, redis.kind === 'cluster')
    this.#failureOf = (error) => failureOf(error, redis)
    this.#listeners = new Listeners(logger)
    this.#connections = connectRedis(redis, options.commandTimeoutMs ?? 1000, {
      failed: (error) => this.#subscription.failed(this.#failureOf(error)),
      closed: () => {
        this.#validity.closed()
        this.#subscription.closed()
      },
    })
    const { commands, subscriber } = this.#connections
    this.#subscription = new RedisSubscription({
      probeTags: () => this.#connections.probeTags(),
      probe: (channel, tag) => this.#probe(channel, tag),
      onProbed: () => this.#accepted(),
      failureOf: this.#failureOf,
      subscriber,
      logger,
      probeAfterMs: options.probeAfterMs ?? 1000,
      onMessage: (text) => this.#listeners.message(text),
      onRevocation: () => this.#listeners.revoked(),
      onChange: (link) => this.#listeners.link(link),
      onMayHaveMoved: () => this.#connections.reopen(),
    })
    const awaited = <T>(command: Promise<T>) => this.#await(command)
    this.#validity = new CacheValidity({
      dropForeign: () => awaited(dropForeignBalances(commands, `${epoch}:${currency}`)),
      correct: (withinSeconds) => refreshCache(this, changes, withinSeconds),
      logger,
    })
    this.#reads = new Batcher(
      async (keys) => allFulfilled(await awaited(readKeys(commands, keys))),
      { size: 512 },
    )
    this.#fills = new Batcher(
      async (entries) => {
        await this.#writeAll('all', entries)
        return allFulfilled(entries.map(() => undefined))
      },
      { size: 256 },
    )
    this.leases = new RedisLeases(commands, awaited)
    this.rates = new RedisRates(commands, awaited)
    this.tickets = new RedisTickets(commands, awaited)
  }

  get link(): Link {
    return this.#subscription.link
  }

  get reachable(): boolean {
    return this.#answering && !this.#refusing && this.#connections.isReady
  }

  async publish(events: readonly LedgerEvent[], late = false): Promise<void> {
    this.#assertReachable()
    const { epoch } = this.#options
    const mode = late ? 'cached' : 'all'
    await Promise.all(
      this.#bySlot(events, this.#keys.slotTag).map((group) => {
        const messages = group.map((event) => encodeEvent(event, epoch))
        return this.#write(mode, newestEntries(group, this.#keys), messages)
      }),
    )
    // Redis sends the messages to our own subscriber at the same moment. Callers, HTTP answers above all,
    // come after the messages: one turn later, once for a whole batch.
    await new Promise((resolve) => setImmediate(resolve))
  }

  async announceRevocation(): Promise<void> {
    this.#assertReachable()
    await this.#await(this.#connections.commands.publish(REVOCATIONS_CHANNEL, ''))
  }

  async cachedBalance(user: UserRef, currency: string): Promise<string | null> {
    if (!this.#validity.isValid || !this.reachable) return null
    try {
      return await this.#reads.add(this.#keys.balance(user, currency))
    } catch {
      return null
    }
  }

  async fill(user: UserRef, currency: string, minor: bigint, seq: number): Promise<void> {
    const wallet = { tenant: user.tenant, userId: user.userId, currency, balance: minor, seq }
    if (!this.reachable) return
    try {
      await this.#fills.add(cacheEntry(wallet, this.#keys))
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'a balance was not cached')
    }
  }

  async refresh(wallets: readonly WalletState[]): Promise<void> {
    const entries = wallets.map((wallet) => cacheEntry(wallet, this.#keys))
    await this.#writeAll('cached', entries)
  }

  listen(listener: BusListener): () => void {
    return this.#listeners.add(listener)
  }

  async close(): Promise<void> {
    this.#validity.close()
    this.#subscription.close()
    this.#connections.close()
  }

  #assertReachable(): void {
    if (!this.reachable) throw new Error('Redis is unavailable')
  }

  /** Whether one script can change only keys of one slot. */
  get #hasSlots(): boolean {
    return this.#options.redis.kind === 'cluster'
  }

  /** Divides what one script would change, if it may not. */
  #bySlot<T>(items: readonly T[], tagOf: (item: T) => string): (readonly T[])[] {
    if (!this.#hasSlots) return [items]
    const groups = new Map<string, T[]>()
    for (const item of items) {
      const tag = tagOf(item)
      const group = groups.get(tag)
      if (group) group.push(item)
      else groups.set(tag, [item])
    }
    return [...groups.values()]
  }

  /** Writes as publishing does, to the server that the hash tag leads to, and publishes the tag. */
  async #probe(channel: string, tag: string): Promise<void> {
    const { currency } = this.#options
    const wallet = { ...PROBE, userId: tag || PROBE.userId, currency }
    await this.#write('all', [cacheEntry(wallet, this.#keys)], [tag], channel)
  }

  async #writeAll(mode: 'all' | 'cached', entries: readonly CacheEntry[]): Promise<void> {
    const groups = this.#bySlot(entries, ({ slotTag }) => slotTag)
    await Promise.all(groups.map((group) => this.#write(mode, group, [])))
  }

  /** The only way in which balances and events get to Redis. If one write is refused, all are. */
  async #write(
    mode: 'all' | 'cached',
    entries: readonly CacheEntry[],
    messages: readonly string[],
    channel: string = UPDATES_CHANNEL,
  ): Promise<void> {
    const keys = entries.flatMap((entry) => [entry.value, entry.version])
    const balances = entries.flatMap((entry) => [entry.seq, entry.text])
    const head = [this.#options.epoch, CACHE_SECONDS, mode, channel, entries.length]
    const { commands } = this.#connections
    let written: unknown
    try {
      written = await PUBLISH.run(commands, keys, [...head, ...balances, ...messages])
    } catch (error) {
      this.#validity.failed()
      const failure = this.#failed(error)
      if (failure.isRefusal) this.#refusing = true
      // Before the connections are ready, their own events say why.
      const moved = failure.mayHaveMoved && this.#connections.isReady
      if (failure.isRefusal || moved) this.#subscription.failed(failure)
      throw error
    }
    this.#answering = true
    // Without a written balance (all were older, or not cached) the answer does not prove that writes work. In a
    // cluster it proves nothing about the other servers.
    if (written !== 0 && !this.#hasSlots) this.#accepted()
  }

  /** Every server that takes writes took one. */
  #accepted(): void {
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
