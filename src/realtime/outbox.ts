import type { Logger } from 'pino'
import type { Committed } from '../ledger/command.ts'
import type { LedgerEvent } from '../ledger/event.ts'
import { toDecimal } from '../ledger/money.ts'
import type { OutboxStore } from '../ledger/outbox-store.ts'
import { LogBudget } from '../lib/log-limits.ts'
import type { Bus } from './bus/bus.ts'
import type { PublishObserver } from './publish-observer.ts'

export interface OutboxOptions {
  bus: Pick<Bus, 'publish' | 'reachable'>
  store: OutboxStore
  logger: Logger
  /** Milliseconds between sweeps. Default 500. */
  sweepEvery?: number
  /** Age in milliseconds from which a row counts as left over. Default 1000. */
  leftAfter?: number
  /** Are told of every commit that is published. */
  observers?: readonly PublishObserver[]
}

/** Batches on their way to the bus at once; what is beyond waits in its row for the sweep. */
const MOST_IN_FLIGHT = 1000

/** Milliseconds that acknowledgements gather. */
const ACKNOWLEDGE_AFTER = 20

const CLAIM = 100

/**
 * Publishes what was committed: at once from the process that committed, and from any process when that
 * one did not get to it. Happens at least once; who listens drops repeats by `seq`.
 */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #log: LogBudget
  readonly #inFlight = new Set<Promise<boolean>>()
  /** Ids of rows to delete. */
  #published: string[] = []
  #acknowledging: Promise<void> | undefined
  #sweeping: Promise<void> | undefined
  #timer: NodeJS.Timeout

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#log = new LogBudget(options.logger)
    this.#timer = setInterval(() => this.#tick(), options.sweepEvery ?? 500)
    this.#timer.unref()
  }

  /**
   * Publishes one committed batch. Never rejects.
   * @param maxWaitMs resolves after that long at the latest; publishing goes on
   * @returns whether it is published: a read of the cache now sees it
   */
  async publish(committed: Committed, maxWaitMs = 1000): Promise<boolean> {
    if (this.#inFlight.size >= MOST_IN_FLIGHT) return false
    const publishing = this.#send(committed)
    this.#inFlight.add(publishing)
    void publishing.finally(() => this.#inFlight.delete(publishing))
    return await within(maxWaitMs, publishing, false)
  }

  /** Resolves once everything handed over is published and acknowledged, or the time is over. */
  async flush(maxWaitMs = 2000): Promise<void> {
    await within(maxWaitMs, Promise.all(this.#inFlight), undefined)
    await within(maxWaitMs, this.#acknowledging ?? Promise.resolve(), undefined)
  }

  /** Stops sweeping, then flushes. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#sweeping
    await this.flush()
  }

  async #send(committed: Committed, late = false): Promise<boolean> {
    if (committed.events.length === 0) {
      this.#acknowledge(committed.outboxId)
      return true
    }
    const { bus, logger, observers = [] } = this.#options
    const ends = observers.map((observer) => observer.publishing(committed.events))
    let published = false
    try {
      await bus.publish(committed.events, late)
      published = true
    } catch (error) {
      logger.debug({ err: error }, 'not published; the sweep will')
      return false
    } finally {
      for (const end of ends) end(published)
    }
    for (const event of committed.events) this.#say(event)
    this.#acknowledge(committed.outboxId)
    return true
  }

  #say(event: LedgerEvent): void {
    if (event.event !== 'balance_updated') return
    this.#log.info(() => {
      const { userId, currency, newBalance } = event
      const before = toDecimal(event.previousBalance ?? 0n, currency)
      const now = toDecimal(newBalance, currency)
      return `[TransactionService] Published balance update for user ${userId}: ${before} -> ${now}`
    })
  }

  #acknowledge(outboxId: string): void {
    this.#published.push(outboxId)
    this.#acknowledging ??= this.#acknowledgeAll().finally(() => {
      this.#acknowledging = undefined
    })
  }

  async #acknowledgeAll(): Promise<void> {
    const { store, logger } = this.#options
    while (this.#published.length > 0) {
      await new Promise((resolve) => setTimeout(resolve, ACKNOWLEDGE_AFTER))
      const ids = this.#published
      this.#published = []
      try {
        await store.acknowledge(ids)
      } catch (error) {
        // The rows stay: the sweep publishes them again, and tries to acknowledge again.
        logger.debug({ err: error }, 'published events were not acknowledged')
      }
    }
  }

  #tick(): void {
    this.#sweeping ??= this.#sweep().finally(() => {
      this.#sweeping = undefined
    })
  }

  async #sweep(): Promise<void> {
    const { bus, store, logger, leftAfter = 1000, observers = [] } = this.#options
    try {
      // What cannot be published is not claimed either: its row waits until Redis is back.
      while (bus.reachable) {
        const left = await store.claim(CLAIM, leftAfter)
        const sent = await Promise.all(left.map((committed) => this.#send(committed, true)))
        if (left.length > 0) {
          logger.debug({ rows: left.length }, 'swept the outbox')
          for (const observer of observers) observer.swept?.(left.length)
        }
        if (left.length < CLAIM || sent.includes(false)) return
      }
    } catch (error) {
      logger.debug({ err: error }, 'the outbox could not be swept')
    }
  }
}

async function within<T, L>(milliseconds: number, answer: Promise<T>, late: L): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<L>((resolve) => {
    timer = setTimeout(resolve, milliseconds, late)
  })
  try {
    return await Promise.race([answer, over])
  } finally {
    clearTimeout(timer)
  }
}
