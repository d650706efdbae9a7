import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { type Link, REVOCATIONS_CHANNEL, UPDATES_CHANNEL } from './bus.ts'
import { reconnect } from './redis-connections.ts'
import { ConnectionClosed, FailureLog, LOST, type RedisFailure } from './redis-failure.ts'

export interface RedisSubscriptionOptions {
  /** One for each server that takes writes. */
  probeTags(): readonly string[]
  /** Writes over the other connection as every publish does, to one of these servers, and publishes the tag. */
  probe(channel: string, tag: string): Promise<unknown>
  /** Every server took its probe. */
  onProbed(): void
  failureOf(error: unknown): RedisFailure
  /** Created with `autoResubscribe: false` and used for nothing else. */
  subscriber: Redis
  logger: Logger
  /** Without a message or a write for this long, the subscription sends a probe. */
  probeAfterMs: number
  onMessage(text: string): void
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

/**
 * The one subscription of this process, to `balance:updates` and to revocations, and the proof that it
 * works: a probe, which is a message to ourselves, comes back. The link is `live` only after such a round
 * trip over both connections, in a cluster through each primary. The probe is sent as events are, together with a written balance. So a Redis
 * that refuses writes counts as `disconnected`.
 */
export class RedisSubscription {
  readonly #options: RedisSubscriptionOptions
  readonly #probeChannel = `livebalance:probe:${randomUUID()}`
  readonly #log: FailureLog
  #closed = false
  #link: Link = { state: 'disconnected', reason: 'not connected yet' }
  /** Why the link is disconnected, once that is known. */
  #failure: RedisFailure | undefined
  #subscribed = false
  /** When the subscription was lost. */
  #unsubscribedAt = performance.now()
  /** Probes that have not come back. */
  #awaited = new Set<string>()
  /** By `performance.now()`, as all times here. */
  #receivedAt = Number.NEGATIVE_INFINITY
  #wroteAt = Number.NEGATIVE_INFINITY
  #reconnectedAt = Number.NEGATIVE_INFINITY
  /** Checks since the probe was sent; undefined while no probe is under way. */
  #checks: number | undefined
  #timer: NodeJS.Timeout

  constructor(options: RedisSubscriptionOptions) {
    this.#options = options
    this.#log = new FailureLog(options.logger)
    const { subscriber } = options
    // `ready` says nothing about subscriptions; only the answer to SUBSCRIBE does.
    subscriber.on('ready', () => void this.#subscribe())
    subscriber.on('close', () => {
      this.#unsubscribed()
      this.closed()
    })
    subscriber.on('message', (channel: string, text: string) => {
      this.#receivedAt = performance.now()
      if (channel === UPDATES_CHANNEL) options.onMessage(text)
      else if (channel === REVOCATIONS_CHANNEL) options.onRevocation()
      else this.#probeReturned(text)
    })
    const periodMs = Math.max(20, Math.min(500, options.probeAfterMs / 2))
    this.#timer = setInterval(() => this.#check(), periodMs)
    this.#timer.unref()
    if (subscriber.status === 'ready') void this.#subscribe()
  }

  get link(): Link {
    return this.#link
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
  }

  async #subscribe(): Promise<void> {
    const { subscriber, failureOf } = this.#options
    try {
      await subscriber.subscribe(UPDATES_CHANNEL, REVOCATIONS_CHANNEL, this.#probeChannel)
      this.#subscribed = true
      await this.#probe()
    } catch (error) {
      this.failed(failureOf(error))
      reconnect(subscriber)
    }
  }

  #unsubscribed(): void {
    this.#subscribed = false
    this.#unsubscribedAt = performance.now()
  }

  #check(): void {
    const unsubscribedMs = performance.now() - this.#unsubscribedAt
    if (!this.#subscribed && unsubscribedMs > SUBSCRIBE_TIMEOUT_MS) {
      this.#unsubscribed()
      reconnect(this.#options.subscriber)
    }
    if (this.#checks === undefined) {
      const quietMs = performance.now() - Math.min(this.#receivedAt, this.#wroteAt)
      const isDue = quietMs >= this.#options.probeAfterMs
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
    reconnect(this.#options.subscriber)
  }

  /** Errors are reported by `probe` itself. */
  async #probe(): Promise<void> {
    if (this.#checks !== undefined) return
    this.#checks = 0
    const { probe, probeTags, onProbed } = this.#options
    const tags = probeTags()
    this.#awaited = new Set(tags)
    try {
      await Promise.all(tags.map((tag) => probe(this.#probeChannel, tag)))
      onProbed()
      if (!this.#subscribed) this.#checks = undefined
    } catch {
      this.#checks = undefined
    }
  }

  #probeReturned(tag: string): void {
    this.#awaited.delete(tag)
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
