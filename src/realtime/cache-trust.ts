import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { forgetOtherEpochs } from './cache-refresh.ts'

export interface CacheTrustOptions {
  /** The connection that the cache is read over. */
  redis: Redis
  /** Whose balances are to be cached there: the epoch and the default currency. */
  owner: string
  /** Corrects what the ledger has newer. */
  correct(): Promise<void>
  logger: Logger
}

/** Whether the cache can be believed: Redis comes (back) with data of any age. */
export class CacheTrust {
  readonly #options: CacheTrustOptions
  /** False from the loss of the connection until what Redis brought back was compared with the ledger. */
  #held = false
  /** Counts connections, so that a comparison made over an earlier one proves nothing. */
  #connection = 0
  #closed = false

  constructor(options: CacheTrustOptions) {
    this.#options = options
    const { redis } = options
    redis.on('ready', () => void this.#regain(this.#connection))
    redis.on('close', () => {
      this.#connection += 1
      this.#held = false
    })
  }

  get isHeld(): boolean {
    return this.#held
  }

  close(): void {
    this.#closed = true
  }

  /** Redis came (back), with data of any age: correct what it holds before it is believed. */
  async #regain(connection: number): Promise<void> {
    const { redis, owner, correct, logger } = this.#options
    try {
      await forgetOtherEpochs(redis, owner)
      await correct()
      if (connection === this.#connection) this.#held = true
    } catch (error) {
      if (this.#closed || connection !== this.#connection) return
      logger.warn({ err: error }, 'the cache could not be compared with the ledger; trying again')
      const retry = setTimeout(() => {
        if (connection === this.#connection) void this.#regain(connection)
      }, 1000)
      retry.unref()
    }
  }
}
