import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'

export interface CacheTrustOptions {
  /** The connection that the cache is read over. */
  redis: Redis
  /** Drops what belongs to another database, or another default currency. */
  forget(): Promise<void>
  /** Corrects what the ledger has changed within so many seconds. */
  correct(withinSeconds: number): Promise<void>
  logger: Logger
}

/** Seconds before the last answer in which a change may have been committed that Redis never got. */
const MARGIN = 60

/** Milliseconds until the next comparison, after one that proved nothing. */
const PAUSE = 1000

/**
 * Whether the cache can be believed: Redis comes (back) with data of any age, and while it is paused, or
 * refuses a write, it misses what is committed.
 */
export class CacheValidity {
  readonly #options: CacheTrustOptions
  /** False from a reason for doubt until what Redis holds was compared with the ledger. */
  #held = false
  /** Counts the reasons for doubt: a comparison that began before the last of them proves nothing. */
  #doubts = 0
  /** When Redis last took a write, by `performance.now()`: until then it missed nothing. */
  #complete = Number.NEGATIVE_INFINITY
  #comparing: Promise<void> | undefined
  #closed = false

  constructor(options: CacheTrustOptions) {
    this.#options = options
    const { redis } = options
    redis.on('close', () => {
      this.#complete = Number.NEGATIVE_INFINITY
      this.failed()
    })
  }

  get isHeld(): boolean {
    return this.#held
  }

  /** A write was taken. What is read proves nothing: a Redis that refuses writes still answers. */
  wrote(): void {
    if (this.#held) this.#complete = performance.now()
    else this.#regain()
  }

  /** A write was refused, or a command not answered in time. */
  failed(): void {
    this.#doubts += 1
    this.#held = false
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
    const { forget, correct, logger } = this.#options
    const doubts = this.#doubts
    try {
      await forget()
      await correct((performance.now() - this.#complete) / 1000 + MARGIN)
      if (doubts === this.#doubts) this.#held = true
    } catch (error) {
      if (this.#closed) return
      // Where it was Redis that failed, the link says so.
      if (doubts === this.#doubts && (error as Error).name !== 'ReplyError') {
        logger.warn({ err: error }, 'the cache could not be compared with the ledger; trying again')
      }
    }
    // Whatever is written or probed next begins it again.
    if (!this.#held) await sleep(PAUSE, undefined, { ref: false })
  }
}
