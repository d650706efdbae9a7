import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { UserRef } from '../../ledger/event.ts'
import type { LeaseStore } from '../bus/bus.ts'
import { userKey } from '../bus/keys.ts'

export interface ConnectionCountsOptions {
  /** Of one user, over all processes. Default 20. */
  limit?: number | undefined
  /** A crashed process's connections stop counting after that many seconds. Default 30. */
  leaseSeconds?: number | undefined
}

/** How many connections each user has, here and in all processes. */
export class ConnectionLimit {
  readonly #store: LeaseStore
  readonly #logger: Logger
  readonly #limit: number
  readonly #leaseSeconds: number
  readonly #holder = randomUUID()
  readonly #here = new Map<string, number>()
  /** Users whose count in the store may not be what it is here: told at the next renewal. */
  readonly #doubtful = new Set<string>()
  /** Times that counts were told, and those that still are. */
  #told = 0
  #telling = 0
  #leased: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(store: LeaseStore, logger: Logger, options: ConnectionCountsOptions = {}) {
    this.#store = store
    this.#logger = logger
    this.#limit = options.limit ?? 20
    this.#leaseSeconds = options.leaseSeconds ?? 30
  }

  /** Counts one more; false when the user has as many as may be. Without Redis, only this process counts. */
  async acquire(who: UserRef): Promise<boolean> {
    const user = userKey(who)
    const here = this.#here.get(user) ?? 0
    if (here >= this.#limit) return false
    this.#here.set(user, here + 1)
    try {
      // Counts without a lease do not count for others: it comes first, once.
      this.#leased ??= this.#firstLease()
      await this.#leased
      const had = await this.#change(user, () =>
        this.#store.acquire(user, this.#holder, this.#limit),
      )
      if (had) return true
    } catch (error) {
      this.#doubtful.add(user)
      this.#logger.debug({ err: error }, 'a connection is counted in this process only')
      return true
    }
    this.#forget(user)
    return false
  }

  release(who: UserRef): void {
    const user = userKey(who)
    this.#forget(user)
    this.#change(user, () => this.#store.release(user, this.#holder)).catch((error) => {
      this.#logger.debug({ err: error }, 'a connection that is over counts for a while yet')
    })
  }

  /** Redis may have forgotten, or missed something: tells it what is here. */
  async assert(): Promise<void> {
    try {
      await this.#store.renew(this.#holder, this.#leaseSeconds)
      await this.#tell([...this.#here.keys(), ...this.#doubtful])
    } catch (error) {
      this.#logger.debug({ err: error }, 'connection counts were not told')
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

  async #firstLease(): Promise<void> {
    this.#timer ??= setInterval(() => void this.#renew(), this.#leaseSeconds * 300).unref()
    try {
      await this.#store.renew(this.#holder, this.#leaseSeconds)
    } catch (error) {
      this.#leased = undefined
      throw error
    }
  }

  /** A lease that had ended took its counts along, as far as anybody looked: all of them are told again. */
  async #renew(): Promise<void> {
    try {
      const held = await this.#store.renew(this.#holder, this.#leaseSeconds)
      if (!held) await this.#tell([...this.#here.keys(), ...this.#doubtful])
      else if (this.#doubtful.size > 0) await this.#tell([...this.#doubtful])
    } catch (error) {
      this.#logger.debug({ err: error }, 'connection counts were not renewed')
    }
  }

  /** A change that failed, or that crossed a telling on its way, leaves the user's count in doubt. */
  async #change<T>(user: string, change: () => Promise<T>): Promise<T> {
    const told = this.#told
    try {
      const answer = await change()
      if (told !== this.#told || this.#telling > 0) this.#doubtful.add(user)
      return answer
    } catch (error) {
      this.#doubtful.add(user)
      throw error
    }
  }

  async #tell(users: readonly string[]): Promise<void> {
    this.#told += 1
    this.#telling += 1
    for (const user of users) this.#doubtful.delete(user)
    try {
      const counts = new Map(users.map((user) => [user, this.#here.get(user) ?? 0]))
      await this.#store.assert(this.#holder, counts)
    } catch (error) {
      for (const user of users) this.#doubtful.add(user)
      throw error
    } finally {
      this.#telling -= 1
    }
  }
}
