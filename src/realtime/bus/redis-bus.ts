import type { Logger } from 'pino'
import type { RedisTarget } from '../../config/redis-address.ts'
import type { AdminNotice } from '../../ledger/admin-notice.ts'
import type { WalletState } from '../../ledger/balance.ts'
import type { LedgerEvent, UserRef } from '../../ledger/event.ts'
import type { ChangeLog } from '../../ledger/event-store.ts'
import { allFulfilled, Batcher } from '../../lib/batcher.ts'
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
  ADMINS_CHANNEL,
  type Bus,
  type BusListener,
  CACHE_SECONDS,
  type Link,
  Listeners,
  REVOCATIONS_CHANNEL,
} from './bus.ts'
import {
  EventHistory,
  HISTORY_SECONDS,
  type HistoryMessage,
  type RecentEvents,
  type RecentQuery,
  scriptMessages,
} from './event-history.ts'
import {
  bySlot,
  SHARDS_KEY,
  tenantOwnerKey,
  tenantPatterns,
  type WalletKeys,
  walletKeys,
} from './keys.ts'
import { type BusLedger, BusLedgers } from './ledgers.ts'
import { encodeNotice } from './message.ts'
import { connectRedis, type RedisConnections } from './redis-connections.ts'
import { failureOf, type RedisFailure } from './redis-failure.ts'
import { AGREE_ON_SHARDS, PUBLISH } from './redis-scripts.ts'
import { RedisLeases, RedisProcesses, RedisRates, RedisTickets } from './redis-stores.ts'
import { RedisSubscription } from './redis-subscription.ts'
import { CLUSTER_SHARDS, FOLLOWED, FollowedShards, type Following, Shards } from './shards.ts'

export interface RedisBusOptions {
  redis: RedisTarget
  /** The ledger's epoch. */
  epoch: string
  /** The currency of the documented `balance:user:<userId>` keys. */
  currency: string
  changes: ChangeLog
  /** Tenants that lived in another database, and live in the main one again. */
  returned?: readonly string[] | undefined
  /** Events of each user that Redis keeps. Default 64; 0: none. */
  history?: number | undefined
  /** Parts that users are divided into. Default: 1, in a cluster 1,024. */
  shards?: number | undefined
  /** A shard that nobody follows any more is kept for this long. Default 10,000. */
  keepShardMs?: number | undefined
  logger: Logger
  /** A command without an answer fails after this time. Default 1000. */
  commandTimeoutMs?: number
  /** The subscription is probed after this much silence. Default 1000. */
  probeAfterMs?: number
}

/** Events of each user that Redis keeps. */
const DEFAULT_HISTORY = 64

/** The number of shards holds so long after the last process that had it. */
const SHARDS_SECONDS = 60

/**
 * The bus over Redis, on two connections: one subscribes, the other does the rest. Nothing queues while
 * Redis is unavailable or refuses writes: commands fail immediately, and reads of the cache return null.
 */
export class RedisBus implements Bus {
  readonly kind = 'redis'
  readonly leases: RedisLeases
  readonly rates: RedisRates
  readonly tickets: RedisTickets
  readonly processes: RedisProcesses
  readonly #options: RedisBusOptions
  readonly #keys: WalletKeys
  readonly #connections: RedisConnections
  readonly #subscription: RedisSubscription
  readonly #failureOf: (error: unknown) => RedisFailure
  readonly #listeners: Listeners
  readonly #ledgers: BusLedgers
  /** Of each database: one that cannot be read leaves the balances of the others valid. */
  readonly #validities = new Map<BusLedger, CacheValidity>()
  readonly #reads: Batcher<string, string | null>
  readonly #fills: Batcher<WalletState, undefined>
  readonly #history: EventHistory
  readonly #historySize: number
  readonly #shards: Shards
  readonly #followed: FollowedShards
  /** False from a timed-out command until one is answered: a paused Redis closes no connection. */
  #answering = true
  /** Whether Redis refused the last write. Then it answers reads, but publishes nothing. */
  #refusing = false
  /** Whether the other processes divide users into the same shards. Until then, nothing is published. */
  #agreed = false

  constructor(options: RedisBusOptions) {
    this.#options = options
    const { redis, epoch, currency, changes, logger } = options
    const inCluster = redis.kind === 'cluster'
    this.#shards = new Shards(options.shards ?? (inCluster ? CLUSTER_SHARDS : 1), inCluster)
    this.#keys = walletKeys(currency, this.#shards)
    this.#failureOf = (error) => failureOf(error, redis)
    this.#listeners = new Listeners(logger)
    this.#connections = connectRedis(redis, options.commandTimeoutMs ?? 1000, {
      failed: (error) => this.#subscription.failed(this.#failureOf(error)),
      closed: () => {
        for (const validity of this.#validities.values()) validity.closed()
        this.#subscription.closed()
      },
    })
    const { commands } = this.#connections
    this.#subscription = new RedisSubscription({
      connections: this.#connections,
      shards: this.#shards,
      agree: () => this.#agree(),
      probe: (channel, tag) => this.#probe(channel, tag),
      onProbed: () => this.#accepted(),
      failureOf: this.#failureOf,
      logger,
      probeAfterMs: options.probeAfterMs ?? 1000,
      onMessage: (text) => this.#listeners.message(text),
      onAnnouncement: (text) => this.#listeners.announced(text),
      onRevocation: () => this.#listeners.revoked(),
      onChange: (link) => this.#listeners.link(link),
      onMayHaveMoved: () => this.#connections.reopen(),
    })
    const awaited = <T>(command: Promise<T>) => this.#await(command)
    this.#ledgers = new BusLedgers({ epoch, changes })
    const validity = new CacheValidity({
      dropForeign: async () => {
        await awaited(dropForeignBalances(commands, this.#owner))
        for (const tenant of options.returned ?? []) await this.#dropForeignOf(tenant, epoch)
      },
      correct: (withinSeconds) =>
        refreshCache(this, changes, withinSeconds, ({ tenant }) => this.#isOfMain(tenant)),
      logger,
    })
    this.#validities.set(this.#ledgers.main, validity)
    this.#reads = new Batcher(
      async (keys) => allFulfilled(await awaited(readKeys(commands, keys))),
      { size: 512 },
    )
    this.#fills = new Batcher(
      async (wallets) => {
        await this.#writeBalances('all', wallets, () => [])
        return allFulfilled(wallets.map(() => undefined))
      },
      { size: 256 },
    )
    this.#historySize = options.history ?? DEFAULT_HISTORY
    this.#history = new EventHistory({
      ...{ commands, awaited, epochOf: this.#ledgers.epochOf, keys: this.#keys },
      size: this.#historySize,
      hasSlots: this.#hasSlots,
    })
    this.#followed = new FollowedShards({
      begin: (shard) => this.#subscription.follow(shard),
      end: (shard) => this.#subscription.unfollow(shard),
      keepMs: options.keepShardMs,
    })
    this.leases = new RedisLeases(commands, awaited)
    this.rates = new RedisRates(commands, awaited)
    this.tickets = new RedisTickets(commands, awaited)
    this.processes = new RedisProcesses(commands, awaited)
  }

  get link(): Link {
    return this.#subscription.link
  }

  get reachable(): boolean {
    return this.#agreed && this.#answering && !this.#refusing && this.#connections.isReady
  }

  async publish(events: readonly LedgerEvent[], late = false): Promise<void> {
    this.#assertReachable()
    const mode = late ? 'cached' : 'all'
    await Promise.all(
      this.#byShard(events).map((group) => {
        const messages = group.map((event) => this.#history.message(event))
        // All are of one commit, so of one database.
        const first = group[0] as LedgerEvent
        const epoch = this.#ledgers.epochOf(first.tenant)
        const channel = this.#shards.channelOf(first)
        return this.#write(epoch, mode, newestEntries(group, this.#keys), messages, channel)
      }),
    )
    // Redis sends the messages to our own subscriber at the same moment. Callers, HTTP answers above all,
    // come after the messages: one turn later, once for a whole batch.
    await new Promise((resolve) => setImmediate(resolve))
  }

  async announce(notices: readonly AdminNotice[]): Promise<void> {
    this.#assertReachable()
    const { commands } = this.#connections
    const texts = notices.map((notice) =>
      encodeNotice(notice, this.#ledgers.epochOf(notice.tenant)),
    )
    await Promise.all(texts.map((text) => this.#await(commands.publish(ADMINS_CHANNEL, text))))
  }

  async announceRevocation(): Promise<void> {
    this.#assertReachable()
    await this.#await(this.#connections.commands.publish(REVOCATIONS_CHANNEL, ''))
  }

  async cachedBalance(user: UserRef, currency: string): Promise<string | null> {
    if (!this.#isValid(user) || !this.reachable) return null
    try {
      return await this.#reads.add(this.#keys.balance(user, currency))
    } catch {
      return null
    }
  }

  async recentEvents(query: RecentQuery): Promise<RecentEvents | null> {
    const { user } = query
    if (!this.#isValid(user) || !this.reachable || this.link.state !== 'live') return null
    try {
      const recent = await this.#history.read(query)
      // Redis may have begun to miss events meanwhile.
      return this.#isValid(user) ? recent : null
    } catch {
      return null
    }
  }

  async fill(user: UserRef, currency: string, minor: bigint, seq: number): Promise<void> {
    const wallet = { tenant: user.tenant, userId: user.userId, currency, balance: minor, seq }
    if (!this.reachable) return
    try {
      await this.#fills.add(wallet)
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'a balance was not cached')
    }
  }

  async refresh(wallets: readonly WalletState[]): Promise<void> {
    await this.#writeBalances('cached', wallets, (group) => this.#history.checks(group))
  }

  addLedger(ledger: BusLedger): void {
    const { epoch, changes, tenants = [] } = ledger
    const validity = new CacheValidity({
      dropForeign: async () => {
        for (const tenant of tenants) {
          await this.#dropForeignOf(tenant, epoch)
        }
      },
      correct: (withinSeconds) =>
        refreshCache(this, changes, withinSeconds, ({ tenant }) => tenants.includes(tenant)),
      logger: this.#options.logger,
    })
    this.#validities.set(ledger, validity)
    this.#ledgers.add(ledger)
  }

  listen(listener: BusListener): () => void {
    return this.#listeners.add(listener)
  }

  follow(user: UserRef): Following {
    return this.#shards.count === 1 ? FOLLOWED : this.#followed.follow([this.#shards.of(user)])
  }

  followAll(): Following {
    if (this.#shards.count === 1) return FOLLOWED
    return this.#followed.follow(this.#shards.channels.map((_, shard) => shard))
  }

  async close(): Promise<void> {
    this.#followed.close()
    for (const validity of this.#validities.values()) validity.close()
    this.#subscription.close()
    this.#connections.close()
  }

  /** Drops what Redis has of a tenant from another database than the one of this epoch. */
  async #dropForeignOf(tenant: string, epoch: string): Promise<void> {
    const { commands } = this.#connections
    const [key, patterns] = [tenantOwnerKey(tenant), tenantPatterns(tenant, epoch)]
    await this.#await(dropForeignBalances(commands, epoch, key, patterns))
  }

  #assertReachable(): void {
    if (!this.reachable) throw new Error('Redis is unavailable')
  }

  #isOfMain(tenant: string): boolean {
    return this.#ledgers.of(tenant) === this.#ledgers.main
  }

  #isValid({ tenant }: UserRef): boolean {
    return this.#validities.get(this.#ledgers.of(tenant))?.isValid === true
  }

  /** Balances that were read from the ledger. */
  async #writeBalances(
    mode: 'all' | 'cached',
    wallets: readonly WalletState[],
    messagesOf: (group: readonly WalletState[]) => HistoryMessage[],
  ): Promise<void> {
    const groups = this.#ledgers
      .byEpoch(wallets)
      .flatMap((group) => this.#bySlot(group, this.#keys.slotTag))
    await Promise.all(
      groups.map((group) => {
        const epoch = this.#ledgers.epochOf((group[0] as WalletState).tenant)
        const entries = group.map((wallet) => cacheEntry(wallet, this.#keys))
        return this.#write(epoch, mode, entries, messagesOf(group), '')
      }),
    )
  }

  /** Whether one script can change only keys of one slot. */
  get #hasSlots(): boolean {
    return this.#options.redis.kind === 'cluster'
  }

  /** Whose balances are in the cache, and under which keys. */
  get #owner(): string {
    const { epoch, currency } = this.#options
    return this.#hasSlots ? `${epoch}:${currency}:${this.#shards.count}` : `${epoch}:${currency}`
  }

  /** One script publishes on one channel. */
  #byShard(events: readonly LedgerEvent[]): (readonly LedgerEvent[])[] {
    if (this.#shards.count === 1) return [events]
    return bySlot(events, (event) => this.#shards.channelOf(event))
  }

  async #agree(): Promise<void> {
    const { commands } = this.#connections
    try {
      const own = [this.#shards.count, SHARDS_SECONDS]
      await AGREE_ON_SHARDS.run(commands, [SHARDS_KEY], own)
      this.#agreed = true
    } catch (error) {
      const failure = this.#failed(error)
      if (failure.code === 'SHARDS') this.#agreed = false
      if (failure.isRefusal) this.#subscription.failed(failure)
      throw error
    }
  }

  /** Divides what one script would change, if it may not. */
  #bySlot<T>(items: readonly T[], tagOf: (item: T) => string): (readonly T[])[] {
    return this.#hasSlots ? bySlot(items, tagOf) : [items]
  }

  /** Writes as publishing does, to the server that the hash tag leads to, and publishes the tag. */
  async #probe(channel: string, tag: string): Promise<void> {
    const { currency, epoch } = this.#options
    const entry = cacheEntry({ ...PROBE, currency }, this.#keys)
    const keys = this.#hasSlots
      ? { value: `livebalance:probe:{${tag}}`, version: `livebalance:probe:version:{${tag}}` }
      : {}
    const message = { text: tag, seq: 0, history: undefined }
    await this.#write(epoch, 'all', [{ ...entry, ...keys }], [message], channel)
  }

  /** The only way in which balances and events get to Redis. If one write is refused, all are. */
  async #write(
    epoch: string,
    mode: 'all' | 'cached',
    entries: readonly CacheEntry[],
    messages: readonly HistoryMessage[],
    channel: string,
  ): Promise<void> {
    const sent = scriptMessages(messages)
    const keys = entries.flatMap((entry) => [entry.value, entry.version])
    const balances = entries.flatMap((entry) => [entry.seq, entry.text])
    const publish = this.#hasSlots ? 'SPUBLISH' : 'PUBLISH'
    const head = [epoch, CACHE_SECONDS, mode, publish, channel, entries.length]
    const histories = [this.#historySize, HISTORY_SECONDS]
    const { commands } = this.#connections
    let written: unknown
    try {
      written = await PUBLISH.run(
        commands,
        [...keys, ...sent.keys],
        [...head, ...histories, ...balances, ...sent.args],
      )
    } catch (error) {
      this.#doubt()
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
    for (const validity of this.#validities.values()) validity.wrote()
  }

  #doubt(): void {
    for (const validity of this.#validities.values()) validity.failed()
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
      this.#doubt()
      this.#subscription.failed(failure)
    }
    return failure
  }
}
