import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { type Link, REVOCATIONS_CHANNEL, UPDATES_CHANNEL } from './bus.ts'
import { CONNECTION_CLOSED, type RedisTrouble, TroubleLog } from './redis-trouble.ts'

export interface RedisLinkOptions {
  /** Writes as every publishing does, and publishes `text`, over the other connection. */
  write(channel: string, text: string): Promise<unknown>
  /** What an error of Redis means. */
  troubleOf(error: unknown): RedisTrouble
  /** Made with `autoResubscribe: false`; used for nothing else. */
  subscriber: Redis
  logger: Logger
  /** How long it may be quiet, or nothing be written, before it is probed, in milliseconds. */
  probeAfter: number
  onMessage(text: string): void
  onRevocation(): void
  /** The state changed. */
  onChange(link: Link): void
  /** The address may lead to another Redis by now: the other connection has to be made again. */
  onMayHaveMoved(): void
}

/** Looks at an unanswered probe that often before the link counts as deaf. */
const LOOKS = 3

/** Milliseconds between two attempts to find the Redis that the address leads to by now. */
const FIND_AGAIN_AFTER = 1000

/**
 * The process's one subscription, of `balance:updates` and of revocations, and the proof that it works: a message sent to
 * ourselves comes back. The link is `live` only after such a round trip over both connections. The message
 * is sent as events are, with a balance that is written, so that a Redis that refuses writes is `away`.
 */
export class RedisSubscription {
  readonly #options: RedisLinkOptions
  readonly #probeChannel = `livebalance:probe:${randomUUID()}`
  readonly #log: TroubleLog
  #closed = false
  #link: Link = { state: 'away', reason: 'not connected yet' }
  /** Why it is away, once that is known. */
  #trouble: RedisTrouble | undefined
  #subscribed = false
  /** By `performance.now()`, as all times here. */
  #heardAt = Number.NEGATIVE_INFINITY
  #wroteAt = Number.NEGATIVE_INFINITY
  #soughtAt = Number.NEGATIVE_INFINITY
  /** Looks since the probe went out; undefined while none is on its way. */
  #probed: number | undefined
  #timer: NodeJS.Timeout

  constructor(options: RedisLinkOptions) {
    this.#options = options
    this.#log = new TroubleLog(options.logger)
    const { subscriber } = options
    // `ready` alone says nothing about subscriptions: only the answer to SUBSCRIBE does.
    subscriber.on('ready', () => void this.#subscribe())
    subscriber.on('error', (error) => this.suspect(options.troubleOf(error)))
    subscriber.on('close', () => {
      this.#subscribed = false
      this.suspect(CONNECTION_CLOSED)
    })
    subscriber.on('message', (channel: string, text: string) => {
      this.#heardAt = performance.now()
      if (channel === UPDATES_CHANNEL) options.onMessage(text)
      else if (channel === REVOCATIONS_CHANNEL) options.onRevocation()
      else this.#probeReturned()
    })
    const period = Math.max(20, Math.min(500, options.probeAfter / 2))
    this.#timer = setInterval(() => this.#look(), period)
    this.#timer.unref()
    if (subscriber.status === 'ready') void this.#subscribe()
  }

  get link(): Link {
    return this.#link
  }

  /** A write was taken: what refused before is well again. */
  wrote(): void {
    this.#wroteAt = performance.now()
  }

  /** Nothing, or no write, gets through: the link is away until a probe comes back. */
  suspect(trouble: RedisTrouble): void {
    if (this.#closed) return
    this.#probed = undefined
    this.#away(trouble)
    if (trouble.mayHaveMoved) this.#seek()
  }

  /** One command was refused: finds out at once whether that is true of all writes, and says so. */
  async doubt(trouble: RedisTrouble): Promise<void> {
    await this.#probe()
    if (!this.#closed && this.#trouble === undefined)
      this.#log.say(trouble, 'redis refused a command')
  }

  close(): void {
    clearInterval(this.#timer)
    this.#closed = true
  }

  async #subscribe(): Promise<void> {
    const { subscriber, troubleOf } = this.#options
    try {
      await subscriber.subscribe(UPDATES_CHANNEL, REVOCATIONS_CHANNEL, this.#probeChannel)
      this.#subscribed = true
      await this.#probe()
    } catch (error) {
      this.suspect(troubleOf(error))
      subscriber.disconnect(true)
    }
  }

  #look(): void {
    if (this.#probed === undefined) {
      const since = performance.now() - Math.min(this.#heardAt, this.#wroteAt)
      if (this.#link.state !== 'live' || since >= this.#options.probeAfter) void this.#probe()
      return
    }
    if (!this.#subscribed) return
    // Counted in looks, not in time: after a stall of this process the answer may wait unread.
    this.#probed += 1
    if (this.#probed < LOOKS) return
    this.#probed = undefined
    this.#subscribed = false
    this.#change({ state: 'deaf', reason: 'a message to ourselves did not come back' })
    this.#options.subscriber.disconnect(true)
  }

  /** What it finds wrong, `write` says. */
  async #probe(): Promise<void> {
    if (this.#probed !== undefined) return
    this.#probed = 0
    try {
      await this.#options.write(this.#probeChannel, '')
      if (!this.#subscribed) this.#probed = undefined
    } catch {
      this.#probed = undefined
    }
  }

  #probeReturned(): void {
    if (this.#probed === undefined) return
    this.#probed = undefined
    this.#change({ state: 'live' })
  }

  #seek(): void {
    const now = performance.now()
    if (now - this.#soughtAt < FIND_AGAIN_AFTER) return
    this.#soughtAt = now
    this.#options.onMayHaveMoved()
    this.#options.subscriber.disconnect(true)
  }

  #away(trouble: RedisTrouble): void {
    const closed = trouble.code === CONNECTION_CLOSED.code
    // A deaf link that is being connected again is still best described as deaf, and one that is away for
    // a reason by that reason.
    if (closed && (this.#link.state === 'deaf' || this.#trouble !== undefined)) return
    if (this.#trouble?.code === trouble.code) return
    this.#trouble = trouble
    this.#log.say(trouble, 'redis away')
    this.#change({ state: 'away', reason: trouble.reason })
  }

  #change(link: Link): void {
    // A link that is closed on purpose has nothing to report.
    if (this.#closed) return
    const { state } = this.#link
    if (link.state !== 'away') this.#trouble = undefined
    this.#link = link
    if (link.state === state) return
    if (link.state === 'deaf') this.#options.logger.warn({ reason: link.reason }, 'redis deaf')
    if (link.state === 'live') {
      this.#log.isWell()
      this.#options.logger.info('redis live')
    }
    this.#options.onChange(link)
  }
}
