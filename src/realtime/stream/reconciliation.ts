import type { Logger } from 'pino'
import type { EventStore } from '../../ledger/event-store.ts'
import type { Bus } from '../bus/bus.ts'
import type { UserStream } from './user-stream.ts'

export interface ReconciliationOptions {
  bus: Bus
  store: EventStore
  logger: Logger
  /** Of every connected user; it may change at any time. */
  channels: ReadonlyMap<string, UserStream>
  /** Milliseconds between looks at Postgres while the bus is not live. Default 1500. */
  pollEveryMs?: number
}

/** Users compared with Postgres in one query. */
const BATCH = 200

/**
 * Follows the bus's link: what it may have lost, every connected user gets from Postgres. Streams go on,
 * late, while there is no link at all.
 */
export class Reconciliation {
  readonly #options: ReconciliationOptions
  /** Counts link changes, so that a reconciliation knows whether it still means something. */
  #linkChanges = 0
  #reconciled = false
  #closed = false
  #wake: (() => void) | undefined

  constructor(options: ReconciliationOptions) {
    this.#options = options
  }

  /** Whether every connected user was compared with Postgres since the link came up. */
  get isDone(): boolean {
    return this.#reconciled
  }

  linkChanged(): void {
    this.#linkChanges += 1
    this.#reconciled = false
    this.#wake?.()
  }

  /** Reconciles after each loss of the link, and polls while it is not live; until it is closed. */
  async follow(): Promise<void> {
    const { bus, logger, pollEveryMs = 1500 } = this.#options
    while (!this.#closed) {
      const changes = this.#linkChanges
      const live = bus.link.state === 'live'
      if (!this.#reconciled) {
        try {
          await this.#compareAll()
          if (live && changes === this.#linkChanges) this.#reconciled = true
        } catch (error) {
          logger.warn({ err: error }, 'could not compare the streams with the ledger; trying again')
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
    const channels = [...this.#options.channels.values()]
    for (let from = 0; from < channels.length; from += BATCH) {
      const batch = channels.slice(from, from + BATCH).filter(({ members }) => members > 0)
      const lasts = batch.map(({ last }) => last)
      const heads = await this.#options.store.heads(batch.map(({ who }) => who))
      await Promise.all(batch.map((channel, i) => channel.reconcile(heads[i] ?? 0, lasts[i] ?? 0)))
    }
  }

  /** Until the link changes, or the time is over. */
  #pause(milliseconds: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = milliseconds === undefined ? undefined : setTimeout(resolve, milliseconds)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
