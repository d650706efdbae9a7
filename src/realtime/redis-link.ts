import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { type Link, REVOCATIONS_CHANNEL, UPDATES_CHANNEL } from './bus.ts'

export interface RedisLinkOptions {
  /** Publishes over the other connection. */
  publish(channel: string, text: string): Promise<unknown>
  /** Made with `autoResubscribe: false`; used for nothing else. */
  subscriber: Redis
  logger: Logger
  /** How long it may be quiet before it is probed, in milliseconds. */
  probeAfter: number
  onMessage(text: string): void
  onRevocation(): void
  onChange(link: Link): void
}

/** Looks at an unanswered probe that often before the link counts as deaf. */
const LOOKS = 3

/**
 * The process's one subscription, of `balance:updates` and of revocations, and the proof that it works: a message sent to
 * ourselves comes back. The link is `live` only after such a round trip over both connections.
 */
export class RedisLink {
  readonly #options: RedisLinkOptions
  readonly #probeChannel = `livebalance:probe:${randomUUID()}`
  #closed = false
  #link: Link = { state: 'away', reason: 'not connected yet' }
  #subscribed = false
  #heardAt = 0
  /** Looks since the probe went out; undefined while none is on its way. */
  #probed: number | undefined
  #timer: NodeJS.Timeout

  constructor(options: RedisLinkOptions) {
    this.#options = options
    const { subscriber } = options
    // `ready` alone says nothing about subscriptions: only the answer to SUBSCRIBE does.
    subscriber.on('ready', () => void this.#subscribe())
    subscriber.on('close', () => {
      this.#subscribed = false
      this.#change({ state: 'away', reason: 'the subscriber lost its connection' })
    })
    subscriber.on('message', (channel: string, text: string) => {
      this.#heardAt = Date.now()
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

  /** A command went unanswered: the link is away until a probe comes back. */
  suspect(reason: string): void {
    this.#change({ state: 'away', reason })
  }

  close(): void {
    clearInterval(this.#timer)
    this.#closed = true
  }

  async #subscribe(): Promise<void> {
    const { subscriber, logger } = this.#options
    try {
      await subscriber.subscribe(UPDATES_CHANNEL, REVOCATIONS_CHANNEL, this.#probeChannel)
      this.#subscribed = true
      await this.#probe()
    } catch (error) {
      logger.warn({ err: error }, 'could not subscribe; connecting again')
      subscriber.disconnect(true)
    }
  }

  #look(): void {
    if (!this.#subscribed) return
    if (this.#probed === undefined) {
      const quiet = Date.now() - this.#heardAt
      if (this.#link.state !== 'live' || quiet >= this.#options.probeAfter) void this.#probe()
      return
    }
    // Counted in looks, not in time: after a stall of this process the answer may wait unread.
    this.#probed += 1
    if (this.#probed < LOOKS) return
    this.#probed = undefined
    this.#subscribed = false
    this.#change({ state: 'deaf', reason: 'a message to ourselves did not come back' })
    this.#options.subscriber.disconnect(true)
  }

  async #probe(): Promise<void> {
    if (this.#probed !== undefined) return
    this.#probed = 0
    try {
      await this.#options.publish(this.#probeChannel, '')
    } catch (error) {
      this.#probed = undefined
      this.suspect(error instanceof Error ? error.message : 'no answer')
    }
  }

  #probeReturned(): void {
    if (this.#probed === undefined) return
    this.#probed = undefined
    this.#change({ state: 'live' })
  }

  #change(link: Link): void {
    // A link that is closed on purpose has nothing to report.
    if (this.#closed || link.state === this.#link.state) return
    // A deaf link that is being connected again is still best described as deaf.
    if (this.#link.state === 'deaf' && link.state === 'away') return
    this.#link = link
    if (link.state !== 'live') this.#probed = undefined
    this.#options.onChange(link)
  }
}
