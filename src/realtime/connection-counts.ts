import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { Who } from '../ledger/event.ts'
import { userKey } from './keys.ts'
import type { LeaseStore } from './leases.ts'

/** A crashed process's connections stop counting after that many seconds. */
const LEASE_SECONDS = 30

/** How many connections each user has, here and in all processes. */
export class ConnectionCounts {
  readonly #store: LeaseStore
  readonly #limit: number
  readonly #logger: Logger
  readonly #holder = randomUUID()
  readonly #here = new Map<string, number>()
  #renewed: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param limit for one user, over all processes */
  constructor(store: LeaseStore, limit: number, logger: Logger) {
    this.#store = store
    this.#limit = limit
    this.#logger = logger
  }

  /** Counts one more; false when the user has as many as may be. Without Redis, only this process counts. */
  async acquire(who: Who): Promise<boolean> {
    const user = userKey(who)
    const here = this.#here.get(user) ?? 0
    if (here >= this.#limit) return false
    this.#here.set(user, here + 1)
    try {
      await this.#leased()
      if (await this.#store.acquire(user, this.#holder, this.#limit)) return true
    } catch (error) {
      this.#logger.debug({ err: error }, 'connections are counted in this process only')
      return true
    }
    this.#forget(user)
    return false
  }

  release(who: Who): void {
    const user = userKey(who)
    this.#forget(user)
    this.#store.release(user, this.#holder).catch(() => {
      // Redis is away: once it is back, `assert` writes the true counts.
    })
  }

  /** Redis may have forgotten, or missed something: tells it what is here. */
  async assert(): Promise<void> {
    try {
      await this.#store.renew(this.#holder, LEASE_SECONDS)
      await this.#store.assert(this.#holder, this.#here)
    } catch (error) {
      this.#logger.debug({ err: error }, 'connection counts were not renewed')
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #forget(user: string): void {
    const here = (this.#here.get(user) ?? 0) - 1
    if (here > 0) this.#here.set(user, here)
    else this.#here.delete(user)
  }

  /** Counts without a lease do not count for others: it comes first, once. */
  #leased(): Promise<void> {
    this.#timer ??= setInterval(() => {
      this.#renewed = this.#store.renew(this.#holder, LEASE_SECONDS)
      this.#renewed.catch(() => {
        this.#renewed = undefined
      })
    }, LEASE_SECONDS * 300).unref()
    this.#renewed ??= this.#store.renew(this.#holder, LEASE_SECONDS)
    return this.#renewed
  }
}
