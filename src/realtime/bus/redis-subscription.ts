import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import { ADMINS_CHANNEL, type Link, REVOCATIONS_CHANNEL } from './bus.ts'
import { type RedisConnections, reconnect } from './redis-connections.ts'
import { ConnectionClosed, FailureLog, LOST, type RedisFailure } from './redis-failure.ts'
import type { Shards } from './shards.ts'

export interface RedisSubscriptionOptions {
  connections: RedisConnections
  shards: Shards
  /** Rejects if the other processes divide users into other shards. */
  agree(): Promise<void>
  /** Writes over the other connection as every publish does, to one of the servers, and publishes the tag. */
  probe(channel: string, tag: string): Promise<unknown>
  /** Every server took its probe. */
  onProbed(): void
  failureOf(error: unknown): RedisFailure
  logger: Logger
  /** Without a message or a write for this long, the subscription sends a probe. */
  probeAfterMs: number
  onMessage(text: string): void
  /** For admins. */
  onAnnouncement(text: string): void
  onRevocation(): void
  onChange(link: Link): void
  /** The address may lead to another Redis by now, so the connections must be opened again. */
  onMayHaveMoved(): void
}

/** Checks of an unanswered probe before the link counts as stalled. */
const MAX_CHECKS = 3

/** A server that does not take the subscription in this time is left. */
const SUBSCRIBE_TIMEOUT_MS = 3000

/** The least time between two attempts to find the Redis that the address leads to. */
const RECONNECT_AFTER_MS = 1000

/** Also under constant traffic, which shows that the link works, the processes agree on their shards this often. */
const AGREE_EVERY_MS = 20_000

/** What comes back if the agreement on shards holds. No hash tag is like it. */
const AGREEMENT = 'agreement'

/** In a cluster: the tag of the probe over the plain subscription. */
const PLAIN = 'plain'

/**
 * The subscriptions of this process, to the shards that it follows, to what admins are told and to revocations, and the
 * proof that they work: a probe, which is a message to ourselves, comes back. The link is `live` only after such a
 * round trip over all connections, in a cluster through each primary. The probe is sent as events are, together with a
 * written balance. So a Redis that refuses writes counts as `disconnected`.
 */
export class RedisSubscription {
  readonly #options: RedisSubscriptionOptions
  readonly #probeChannel = `livebalance:probe:${randomUUID()}`
  readonly #log: FailureLog
  readonly #channels: ReadonlySet<string>
  #closed = false
  #link: Link = { state: 'disconnected', reason: 'not connected yet' }
  /** Why the link is disconnected, once that is known. */
  #failure: RedisFailure | undefined
  /** The shards whose messages are wanted. The only one always is. */
  readonly #followed = new Set<number>()
  /** Every followed shard is subscribed to. */
  #subscribed = false
  #subscribing: Promise<void> | undefined
  /** The shards that were subscribed to since the subscription under way began. */
  readonly #asked = new Set<number>()
  /** Reject the commands under way. ioredis does not do that when the connection is lost. */
  readonly #underWay = new Set<(error: Error) => void>()
  /** When the subscription was lost. */
  #unsubscribedAt = performance.now()
  /** What has not come back. */
  #awaited = new Set<string>()
  /** By `performance.now()`, as all times here. */
  #receivedAt = Number.NEGATIVE_INFINITY
  #wroteAt = Number.NEGATIVE_INFINITY
  #reconnectedAt = Number.NEGATIVE_INFINITY
  #agreedAt = Number.NEGATIVE_INFINITY
  /** Checks since the probe was sent; undefined while no probe is under way. */
  #checks: number | undefined
  #timer: NodeJS.Timeout

  constructor(options: RedisSubscriptionOptions) {
    this.#options = options
    this.#log = new FailureLog(options.logger)
    const { connections, shards } = options
    const { subscriber, lines } = connections
    this.#channels = new Set(shards.channels)
    if (shards.count === 1) this.#followed.add(0)
    // `ready` says nothing about subscriptions; only the answer to SUBSCRIBE does.
    subscriber.on('ready', () => void this.#subscribe())
    subscriber.on('close', () => this.#lost(new ConnectionClosed()))
    const received = (channel: string, text: string) => this.#received(channel, text)
    subscriber.on('message', received)
    lines?.listen({ message: received, lost: (error) => this.#lost(error) })
    const periodMs = Math.max(20, Math.min(500, options.probeAfterMs / 2))
    this.#timer = setInterval(() => this.#check(), periodMs)
    this.#timer.unref()
    if (subscriber.status === 'ready') void this.#subscribe()
  }

  get link(): Link {
    return this.#link
  }

  /** Resolves when messages of this shard arrive, or cannot arrive now. Then users are compared when the link is back. */
  async follow(shard: number): Promise<void> {
    this.#followed.add(shard)
    if (!this.#subscribed) return
    try {
      await this.#whileConnected(this.#subscribeTo([shard]))
    } catch (error) {
      this.#lost(error)
      this.#renew()
    }
  }

  unfollow(shard: number): void {
    if (!this.#followed.delete(shard)) return
    this.#asked.delete(shard)
    const { subscriber, lines } = this.#options.connections
    const channel = this.#options.shards.channels[shard] as string
    if (lines) lines.unsubscribe({ channel })
    // A connection that is lost meanwhile has no subscription.
    else if (this.#subscribed) subscriber.unsubscribe(channel).catch(() => {})
  }

  /** Redis accepted a write, so an earlier refusal no longer holds. */
  wrote(): void {
    this.#wroteAt = performance.now()
  }

  /** Commands or writes fail: the link is disconnected until a probe comes back. */
  failed(failure: RedisFailure): void {
    if (this.#closed) return
    this.#checks = undefined
    this.#disconnected(failure)
    if (failure.mayHaveMoved) this.#reconnect()
  }

  /** A connection was lost. */
  closed(): void {
    this.failed(this.#options.failureOf(new ConnectionClosed()))
  }

  /** One command was refused: finds out whether all writes are, and logs the failure. */
  async refused(failure: RedisFailure): Promise<void> {
    await this.#probe()
    if (!this.#closed && this.#failure === undefined)
      this.#log.warn(failure, 'redis refused a command')
  }

  close(): void {
    clearInterval(this.#timer)
    this.#closed = true
    this.#unsubscribed()
  }

  #received(channel: string, text: string): void {
    const { onMessage, onAnnouncement, onRevocation } = this.#options
    this.#receivedAt = performance.now()
    if (this.#channels.has(channel)) onMessage(text)
    else if (channel === ADMINS_CHANNEL) onAnnouncement(text)
    else if (channel === REVOCATIONS_CHANNEL) onRevocation()
    else this.#returned(text)
  }

  #subscribe(): Promise<void> {
    this.#subscribing ??= this.#subscribeAll().finally(() => {
      this.#subscribing = undefined
    })
    return this.#subscribing
  }

  async #subscribeAll(): Promise<void> {
    const { connections, failureOf } = this.#options
    const { subscriber } = connections
    try {
      await this.#whileConnected(connections.lines?.known() ?? Promise.resolve())
      this.#asked.clear()
      const others = [ADMINS_CHANNEL, REVOCATIONS_CHANNEL, this.#probeChannel]
      await this.#whileConnected(subscriber.subscribe(...others))
      // More shards may be followed during each wait. So nothing waits between the last look and `#subscribed`.
      for (;;) {
        const missing = [...this.#followed].filter((shard) => !this.#asked.has(shard))
        if (missing.length === 0) break
        for (const shard of missing) this.#asked.add(shard)
        await this.#whileConnected(this.#subscribeTo(missing))
      }
      this.#subscribed = true
      await this.#probe()
    } catch (error) {
      this.failed(failureOf(error))
      this.#renew()
    }
  }

  /** Rejects when a subscription is lost meanwhile. */
  #whileConnected<T>(command: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#underWay.add(reject)
      command.then(resolve, reject).finally(() => this.#underWay.delete(reject))
    })
  }

  async #subscribeTo(followed: readonly number[]): Promise<void> {
    const { connections, shards } = this.#options
    const { subscriber, lines } = connections
    if (followed.length === 0) return
    const channels = followed.map((shard) => shards.lineOf(shard))
    if (lines) await lines.subscribe(channels)
    else await subscriber.subscribe(...channels.map(({ channel }) => channel))
  }

  /** In a cluster the next check subscribes again, over connections of that moment. */
  #renew(): void {
    const { lines, subscriber } = this.#options.connections
    if (lines) lines.reset()
    else reconnect(subscriber)
  }

  /** Messages may be missed until everything is subscribed again. */
  #lost(error: unknown): void {
    const { connections, failureOf } = this.#options
    this.#unsubscribed()
    this.failed(failureOf(error))
    // Without an event of its own. The other subscriptions are renewed too: which of them hold is not certain.
    if (connections.lines && !this.#closed) connections.lines.reset()
  }

  #unsubscribed(): void {
    this.#subscribed = false
    for (const reject of this.#underWay) reject(new ConnectionClosed())
    this.#unsubscribedAt = performance.now()
  }

  #check(): void {
    const { connections, probeAfterMs } = this.#options
    const { subscriber, lines } = connections
    const unsubscribedMs = performance.now() - this.#unsubscribedAt
    if (!this.#subscribed && unsubscribedMs > SUBSCRIBE_TIMEOUT_MS) {
      this.#unsubscribed()
      lines?.reset()
      reconnect(subscriber)
    } else if (!this.#subscribed && lines && subscriber.status === 'ready') {
      void this.#subscribe()
    }
    if (this.#checks === undefined) {
      const quietMs = performance.now() - Math.min(this.#receivedAt, this.#wroteAt)
      const agreedMs = performance.now() - this.#agreedAt
      const isDue = quietMs >= probeAfterMs || agreedMs >= AGREE_EVERY_MS
      if (this.#link.state !== 'live' || isDue) void this.#probe()
      return
    }
    if (!this.#subscribed) return
    // Checks are counted, not time: after a stall of this process the answer may be waiting unread.
    this.#checks += 1
    if (this.#checks < MAX_CHECKS) return
    this.#checks = undefined
    this.#unsubscribed()
    this.#change({ state: 'stalled', reason: 'a message to ourselves did not come back' })
    lines?.reset()
    reconnect(subscriber)
  }

  /** Errors are reported by `probe` itself. */
  async #probe(): Promise<void> {
    if (this.#checks !== undefined) return
    this.#checks = 0
    const { connections, agree, onProbed } = this.#options
    const tags = connections.probeTags()
    this.#awaited = new Set([AGREEMENT, ...tags, ...(connections.lines ? [PLAIN] : [])])
    try {
      await Promise.all([
        agree().then(() => {
          this.#agreedAt = performance.now()
          this.#returned(AGREEMENT)
        }),
        this.#sendProbes(tags),
      ])
      onProbed()
      if (!this.#subscribed) this.#checks = undefined
    } catch {
      this.#checks = undefined
    }
  }

  async #sendProbes(tags: readonly string[]): Promise<void> {
    const { connections, probe } = this.#options
    const { lines, commands } = connections
    if (!lines) return void (await Promise.all(tags.map((tag) => probe(this.#probeChannel, tag))))
    const channels = tags.map((tag) => ({ channel: `${this.#probeChannel}:{${tag}}`, tag }))
    if (this.#subscribed) {
      await this.#whileConnected(lines.subscribe(channels)).catch((error) => this.#lost(error))
      // The probes are sent only now.
      if (this.#checks !== undefined) this.#checks = 0
    }
    await Promise.all([
      commands.publish(this.#probeChannel, PLAIN),
      ...channels.map(({ channel, tag }) => probe(channel, tag)),
    ])
  }

  /** @param part of what is awaited */
  #returned(part: string): void {
    this.#awaited.delete(part)
    if (this.#checks === undefined || this.#awaited.size > 0) return
    this.#checks = undefined
    this.#change({ state: 'live' })
  }

  #reconnect(): void {
    const now = performance.now()
    if (now - this.#reconnectedAt < RECONNECT_AFTER_MS) return
    this.#reconnectedAt = now
    this.#options.onMayHaveMoved()
  }

  #disconnected(failure: RedisFailure): void {
    // A closed connection adds nothing to a stalled link, or to a reason that is known already.
    const isClosed = LOST.has(failure.code)
    if (isClosed && (this.#link.state === 'stalled' || this.#failure !== undefined)) return
    if (this.#failure?.code === failure.code) return
    this.#failure = failure
    this.#log.warn(failure, 'redis disconnected')
    this.#change({ state: 'disconnected', reason: failure.reason })
  }

  #change(link: Link): void {
    // A subscription that is closed on purpose has nothing to report.
    if (this.#closed) return
    const { state } = this.#link
    if (link.state !== 'disconnected') this.#failure = undefined
    this.#link = link
    if (link.state === state) return
    const { logger, onChange } = this.#options
    if (link.state === 'stalled') logger.warn({ reason: link.reason }, 'redis stalled')
    if (link.state === 'live') {
      this.#log.recovered()
      logger.info('redis live')
    }
    onChange(link)
  }
}
