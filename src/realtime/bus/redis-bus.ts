import { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { WalletState } from '../../ledger/balance.ts'
import type { ChangeLog } from '../../ledger/change-log.ts'
import type { LedgerEvent, UserRef } from '../../ledger/event.ts'
import { TurnBatch } from '../../lib/turn-batch.ts'
import type { RateStore } from '../../rate-limit/store.ts'
import {
  type Bus,
  type BusListener,
  CACHE_SECONDS,
  type Link,
  REVOCATIONS_CHANNEL,
  UPDATES_CHANNEL,
} from './bus.ts'
import { type CacheEntry, cacheEntry, newestEntries } from './cache-entry.ts'
import { forgetOtherEpochs, refreshCache } from './cache-refresh.ts'
import { CacheValidity } from './cache-validity.ts'
import { balanceKey, PROBE } from './keys.ts'
import { Listeners } from './listeners.ts'
import { encodeEvent } from './message.ts'
import { RedisRates } from './rate-store.ts'
import { RedisLeases } from './redis-leases.ts'
import { PUBLISH } from './redis-scripts.ts'
import { RedisSubscription } from './redis-subscription.ts'
import { RedisTickets } from './redis-tickets.ts'
import { CONNECTION_CLOSED, type RedisTrouble, troubleOf } from './redis-trouble.ts'

export interface RedisBusOptions {
  url: string
  /** The ledger's epoch. */
  epoch: string
  /** The currency of the documented `balance:user:<userId>` keys. */
  currency: string
  changes: ChangeLog
  logger: Logger
  /** Milliseconds without an answer after which a command fails. Default 1000. */
  commandTimeout?: number
  /** Milliseconds of silence after which the subscription is probed. Default 1000. */
  probeAfter?: number
}

/**
 * The bus over Redis, on two connections: one subscribes, the other does the rest. Nothing queues while
 * Redis is away, or refuses writes: commands fail at once, reads of the cache answer null.
 */
export class RedisBus implements Bus {
  readonly kind = 'redis'
  readonly leases: RedisLeases
  readonly rates: RateStore
  readonly tickets: RedisTickets
  readonly #options: RedisBusOptions
  readonly #commands: Redis
  readonly #subscriber: Redis
  readonly #link: RedisSubscription
  readonly #troubleOf: (error: unknown) => RedisTrouble
  readonly #listeners: Listeners
  readonly #trust: CacheValidity
  readonly #reads: TurnBatch<string, string | null>
  readonly #fills: TurnBatch<CacheEntry, undefined>
  /** False from a command that timed out until one is answered: a paused Redis closes no connection. */
  #answering = true
  /** Whether Redis refused the last write: it answers, yet publishes nothing. */
  #refusing = false

  constructor(options: RedisBusOptions) {
    this.#options = options
    const { url, logger } = options
    const commandTimeout = options.commandTimeout ?? 1000
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
      commandTimeout,
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
    this.#troubleOf = (error) => troubleOf(error, decodeURIComponent(password))
    this.#listeners = new Listeners(logger)
    this.#link = new RedisSubscription({
      write: (channel, text) =>
        this.#write('all', [cacheEntry({ ...PROBE, currency }, currency)], [text], channel),
      troubleOf: this.#troubleOf,
      subscriber: this.#subscriber,
      logger,
      probeAfter: options.probeAfter ?? 1000,
      onMessage: (text) => this.#listeners.message(text),
      onRevocation: () => this.#listeners.revoked(),
      onChange: (link) => this.#listeners.link(link),
      onMayHaveMoved: () => this.#commands.disconnect(true),
    })
    const ask = <T>(command: Promise<T>) => this.#ask(command)
    this.#trust = new CacheValidity({
      redis: this.#commands,
      forget: () => ask(forgetOtherEpochs(this.#commands, `${epoch}:${currency}`)),
      correct: (withinSeconds) => refreshCache(this, changes, withinSeconds),
      logger,
    })
    this.#commands.on('error', (error) => this.#link.suspect(this.#troubleOf(error)))
    this.#commands.on('close', () => this.#link.suspect(CONNECTION_CLOSED))
    this.#reads = new TurnBatch(512, (keys) => ask(this.#commands.mget(keys)))
    this.#fills = new TurnBatch(256, async (entries) => {
      await this.#write('all', entries, [])
      return entries.map(() => undefined)
    })
    this.leases = new RedisLeases(this.#commands, ask)
    this.rates = new RedisRates(this.#commands, ask)
    this.tickets = new RedisTickets(this.#commands, ask)
  }

  get link(): Link {
    return this.#link.link
  }

  get reachable(): boolean {
    return this.#answering && !this.#refusing && this.#commands.status === 'ready'
  }

  async publish(events: readonly LedgerEvent[], late = false): Promise<void> {
    if (!this.reachable) throw new Error('redis is away')
    const { epoch, currency } = this.#options
    const messages = events.map((event) => encodeEvent(event, epoch))
    const mode = late ? 'cached' : 'all'
    await this.#write(mode, newestEntries(events, currency), messages)
    // Redis sends our own subscriber the messages in the same moment. What waits for this answer, those
    // over HTTP above all, comes after them: one turn later, once for a whole batch.
    await new Promise((resolve) => setImmediate(resolve))
  }

  async announceRevocation(): Promise<void> {
    if (!this.reachable) throw new Error('redis is away')
    await this.#ask(this.#commands.publish(REVOCATIONS_CHANNEL, ''))
  }

  async cachedBalance(who: UserRef, currency: string): Promise<string | null> {
    if (!this.#trust.isHeld || !this.reachable) return null
    try {
      return await this.#reads.add(balanceKey(who, currency, this.#options.currency))
    } catch {
      return null
    }
  }

  async fill(who: UserRef, currency: string, minor: bigint, seq: number): Promise<void> {
    const wallet = { tenant: who.tenant, userId: who.userId, currency, balance: minor, seq }
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
    this.#trust.close()
    this.#link.close()
    this.#subscriber.disconnect()
    this.#commands.disconnect()
  }

  /** The one way in which balances and events get to Redis. A refusal is true of all that is written. */
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
      this.#trust.failed()
      const trouble = this.#failed(error)
      if (trouble.isRefusal) {
        this.#refusing = true
        this.#link.suspect(trouble)
      }
      throw error
    }
    this.#answering = true
    // What had nothing to write, for all was newer or not cached, proves nothing.
    if (written === 0) return
    this.#refusing = false
    this.#link.wrote()
    this.#trust.wrote()
  }

  async #ask<T>(command: Promise<T>): Promise<T> {
    try {
      const answer = await command
      this.#answering = true
      return answer
    } catch (error) {
      const trouble = this.#failed(error)
      if (trouble.isRefusal) void this.#link.doubt(trouble)
      throw error
    }
  }

  /** Notices a Redis that does not answer. A connection that is lost says so by itself. */
  #failed(error: unknown): RedisTrouble {
    const trouble = this.#troubleOf(error)
    if (trouble.code === 'TIMEOUT') {
      this.#answering = false
      this.#trust.failed()
      this.#link.suspect(trouble)
    }
    return trouble
  }
}
