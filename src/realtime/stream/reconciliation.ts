import type { Logger } from 'pino'
import type { EventStore } from '../../ledger/event-store.ts'
import { sleep } from '../../lib/timeout.ts'
import type { Bus } from '../bus/bus.ts'
import type { UserStream } from './user-stream.ts'

export interface ReconciliationOptions {
  bus: Bus
  store: EventStore
  logger: Logger
  /** Of every connected user, of which those of `store` are compared. The map may change at any time. */
  streams: ReadonlyMap<string, UserStream>
  /** Postgres is polled this often while the bus is not live. Default 1500. */
  pollEveryMs?: number
}

/** Users that one query compares with Postgres. */
const BATCH_SIZE = 200

/**
 * Follows the link of the bus. After each loss it brings every connected user the missed events from
 * Postgres. While there is no link, it polls, so that streams continue with a delay.
 */
export class Reconciliation {
  readonly #options: ReconciliationOptions
  /** Counts link changes. A comparison that a change overtook does not count. */
  #linkChanges = 0
  #reconciled = false
  #failing = false
  #closed = false
  #wake: (() => void) | undefined

  constructor(options: ReconciliationOptions) {
    this.#options = options
  }

  /** Whether every connected user was compared with Postgres since the link became live. */
  get isDone(): boolean {
    return this.#reconciled
  }

  /** Whether the last comparison failed, because Postgres could not be read. */
  get isFailing(): boolean {
    return this.#failing
  }

  linkChanged(): void {
    this.#linkChanges += 1
    this.#reconciled = false
    this.#wake?.()
  }

  /** Reconciles after each loss of the link, and polls while it is not live. Ends with `close`. */
  async follow(): Promise<void> {
    const { bus, logger, pollEveryMs = 1500 } = this.#options
    while (!this.#closed) {
      const changes = this.#linkChanges
      const isLive = bus.link.state === 'live'
      if (!this.#reconciled) {
        try {
          await this.#compareAll()
          this.#failing = false
          if (isLive && changes === this.#linkChanges) this.#reconciled = true
        } catch (error) {
          this.#failing = true
          logger.warn({ err: error }, 'streams could not be compared with the ledger; trying again')
        }
      }
      if (changes !== this.#linkChanges) continue
      await this.#pause(this.#reconciled ? undefined : pollEveryMs)
    }
  }

  close(): void {
    this.#closed = true
    this.#wake?.()
  }

  async #compareAll(): Promise<void> {
    const { store } = this.#options
    const streams = [...this.#options.streams.values()].filter((stream) => stream.store === store)
    for (let from = 0; from < streams.length; from += BATCH_SIZE) {
      const batch = streams.slice(from, from + BATCH_SIZE).filter(({ members }) => members > 0)
      // Taken before the query, because events may be delivered while it runs.
      const lasts = batch.map(({ last }) => last)
      const heads = await store.heads(batch.map(({ user }) => user))
      await Promise.all(batch.map((stream, i) => stream.reconcile(heads[i] ?? 0, lasts[i] ?? 0)))
    }
  }

  /** Until the link changes or, if `ms` is given, this time has passed. */
  #pause(ms: number | undefined): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    if (ms !== undefined) return sleep(ms, { signal: woken.signal })
    return new Promise((resolve) => woken.signal.addEventListener('abort', () => resolve()))
  }
}
