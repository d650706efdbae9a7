import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { UserRef } from '../../ledger/event.ts'
import { userKey } from '../../lib/identity.ts'
import type { LeaseStore } from '../bus/bus.ts'

export interface ConnectionLimitOptions {
  /** Of one user, over all processes. Undefined for some: no limit. Default 20. */
  limit?: number | ((who: UserRef) => number | undefined) | undefined
  /** What is counted together. Default: a user. */
  keyOf?: (who: UserRef) => string
  /** The connections of a crashed process stop counting after this time. Default 30. */
  leaseSeconds?: number | undefined
}

/** Bounds the number of connections of each user, or of each tenant, over all processes. */
export class ConnectionLimit {
  readonly #store: LeaseStore
  readonly #logger: Logger
  readonly #limitOf: (who: UserRef) => number | undefined
  readonly #keyOf: (who: UserRef) => string
  readonly #leaseSeconds: number
  readonly #holder = randomUUID()
  /** The connections of each user in this process. */
  readonly #counts = new Map<string, number>()
  /** Users whose count in the store may be wrong. They are reported again at the next renewal. */
  readonly #doubtful = new Set<string>()
  /** The number of reports so far, and of those under way. */
  #reports = 0
  #reporting = 0
  #leased: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(store: LeaseStore, logger: Logger, options: ConnectionLimitOptions = {}) {
    this.#store = store
    this.#logger = logger
    const { limit = 20 } = options
    this.#limitOf = typeof limit === 'function' ? limit : () => limit
    this.#keyOf = options.keyOf ?? userKey
    this.#leaseSeconds = options.leaseSeconds ?? 30
  }

  /** Counts one more connection; false if the user has the maximum. Without Redis, only this process counts. */
  async acquire(principal: UserRef): Promise<boolean> {
    const user = this.#keyOf(principal)
    const limit = this.#limitOf(principal)
    const count = this.#counts.get(user) ?? 0
    if (limit !== undefined && count >= limit) return false
    this.#counts.set(user, count + 1)
    if (limit === undefined) return true
    try {
      // Other processes ignore counts without a lease, so the first lease comes first.
      this.#leased ??= this.#firstLease()
      await this.#leased
      const acquired = await this.#change(user, () =>
        this.#store.acquire(user, this.#holder, limit),
      )
      if (acquired) return true
    } catch (error) {
      this.#doubtful.add(user)
      this.#logger.debug({ err: error }, 'a connection is counted in this process only')
      return true
    }
    this.#decrement(user)
    return false
  }

  release(principal: UserRef): void {
    const user = this.#keyOf(principal)
    this.#decrement(user)
    if (this.#limitOf(principal) === undefined) return
    this.#change(user, () => this.#store.release(user, this.#holder)).catch((error) => {
      this.#logger.debug({ err: error }, 'a closed connection still counts until the next renewal')
    })
  }

  /** Reports all counts of this process, after Redis may have lost or missed some, or limits have changed. */
  async assert(): Promise<void> {
    if (this.#counts.size === 0 && this.#doubtful.size === 0) return
    try {
      await this.#store.renew(this.#holder, this.#leaseSeconds)
      await this.#report([...this.#counts.keys(), ...this.#doubtful])
    } catch (error) {
      this.#logger.debug({ err: error }, 'connection counts were not reported')
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #decrement(user: string): void {
    const count = (this.#counts.get(user) ?? 0) - 1
    if (count > 0) this.#counts.set(user, count)
    else this.#counts.delete(user)
  }

  async #firstLease(): Promise<void> {
    // Renewed at 0.3 of its duration.
    this.#timer ??= setInterval(() => void this.#renew(), this.#leaseSeconds * 300).unref()
    try {
      await this.#store.renew(this.#holder, this.#leaseSeconds)
    } catch (error) {
      this.#leased = undefined
      throw error
    }
  }

  /** If the lease had ended, other processes may have dropped its counts, so all are reported again. */
  async #renew(): Promise<void> {
    try {
      const wasValid = await this.#store.renew(this.#holder, this.#leaseSeconds)
      if (!wasValid) await this.#report([...this.#counts.keys(), ...this.#doubtful])
      else if (this.#doubtful.size > 0) await this.#report([...this.#doubtful])
    } catch (error) {
      this.#logger.debug({ err: error }, 'connection counts were not renewed')
    }
  }

  /** A change that failed, or that ran at the same time as a report, leaves the user's count in doubt. */
  async #change<T>(user: string, change: () => Promise<T>): Promise<T> {
    const reports = this.#reports
    try {
      const answer = await change()
      if (reports !== this.#reports || this.#reporting > 0) this.#doubtful.add(user)
      return answer
    } catch (error) {
      this.#doubtful.add(user)
      throw error
    }
  }

  async #report(users: readonly string[]): Promise<void> {
    this.#reports += 1
    this.#reporting += 1
    for (const user of users) this.#doubtful.delete(user)
    try {
      const counts = new Map(users.map((user) => [user, this.#counts.get(user) ?? 0]))
      await this.#store.assert(this.#holder, counts)
    } catch (error) {
      for (const user of users) this.#doubtful.add(user)
      throw error
    } finally {
      this.#reporting -= 1
    }
  }
}
