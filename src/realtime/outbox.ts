import type { Logger } from 'pino'
import type { RedisTarget } from '../config/redis-address.ts'
import type { AdminNotice } from '../ledger/admin-notice.ts'
import type { Committed } from '../ledger/command.ts'
import type { LedgerEvent } from '../ledger/event.ts'
import type { ChangeLog, OutboxStore } from '../ledger/event-store.ts'
import { toDecimal } from '../ledger/money.ts'
import { LogBudget } from '../lib/log-limits.ts'
import type { ShutdownStack } from '../lib/shutdown-stack.ts'
import { sleep, withTimeout } from '../lib/timeout.ts'
import type { Bus } from './bus/bus.ts'
import { MemoryBus } from './bus/memory-bus.ts'
import { RedisBus } from './bus/redis-bus.ts'

/** Is notified by the outbox, which does not wait for it. It must not throw. */
export interface PublishObserver {
  /** The events of one commit go to the bus. The returned function is called with the outcome. */
  publishing(events: readonly LedgerEvent[]): (published: boolean) => void
  /** The sweep took over so many commits, which were not published in time. */
  swept?(commits: number): void
}

export interface OutboxOptions {
  bus: Pick<Bus, 'publish' | 'announce' | 'reachable'>
  store: OutboxStore
  logger: Logger
  /** Default 500. */
  sweepEveryMs?: number
  /** From this age on a row counts as left over. Default 1000. */
  leftOverAfterMs?: number
  /** Are notified of every commit that is published. */
  observers?: readonly PublishObserver[]
  /** Called when published events wait for webhooks. */
  onMarked?: () => void
}

/** Batches that are being published at the same time. Further ones wait in their rows for the sweep. */
const MAX_IN_FLIGHT = 1000

/** Acknowledgements are collected for this long. */
const ACKNOWLEDGE_AFTER_MS = 20

/** Rows that a sweep claims at a time. */
const CLAIM_SIZE = 100

/**
 * Publishes commits: immediately from the process that committed, and by the sweep of any process if that
 * one did not. Publishes at least once; receivers drop repeats by `seq`.
 */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #log: LogBudget
  readonly #inFlight = new Set<Promise<boolean>>()
  /** Ids of published rows, which are to be deleted. */
  #published: string[] = []
  #acknowledging: Promise<void> | undefined
  #sweeping: Promise<void> | undefined
  /** Another sweep follows the one under way, which may have looked too early. */
  #sweepAgain = false
  #timer: NodeJS.Timeout

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#log = new LogBudget(options.logger)
    this.#timer = setInterval(() => this.#tick(), options.sweepEveryMs ?? 500)
    this.#timer.unref()
  }

  /**
   * Publishes one committed batch. Never rejects.
   * @param maxWaitMs resolves after this time at the latest; publishing continues
   * @returns whether it is published, so that a read of the cache now sees it
   */
  async publish(committed: Committed, maxWaitMs = 1000): Promise<boolean> {
    if (this.#inFlight.size >= MAX_IN_FLIGHT) return false
    const publishing = this.#send(committed)
    this.#inFlight.add(publishing)
    void publishing.finally(() => this.#inFlight.delete(publishing))
    return await withTimeout(publishing, maxWaitMs, () => false)
  }

  /**
   * Tells admins what waits for them. Not repeated: who missed it finds it in the list that every page of an admin
   * reads at its start, after each failure of the stream, and from time to time.
   */
  announce(notices: readonly AdminNotice[]): void {
    const { bus, logger } = this.#options
    if (notices.length === 0 || !bus.reachable) return
    bus.announce(notices).catch((error: unknown) => {
      logger.debug({ err: error }, 'admins were not told what waits')
    })
  }

  /** Publishes what no process has taken up, without waiting for the next sweep. */
  sweep(): void {
    this.#sweepAgain = this.#sweeping !== undefined
    this.#tick()
  }

  /** Resolves once every batch in flight is published and acknowledged, or the time has passed. */
  async flush(maxWaitMs = 2000): Promise<void> {
    await withTimeout(Promise.all(this.#inFlight), maxWaitMs, () => {})
    await withTimeout(this.#acknowledging ?? Promise.resolve(), maxWaitMs, () => {})
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
    const observations = observers.map((observer) => observer.publishing(committed.events))
    let published = false
    try {
      await bus.publish(committed.events, late)
      published = true
    } catch (error) {
      logger.debug({ err: error }, 'a commit was not published; the sweep tries again')
      return false
    } finally {
      for (const end of observations) end(published)
    }
    for (const event of committed.events) this.#logUpdate(event)
    this.#acknowledge(committed.outboxId)
    return true
  }

  #logUpdate(event: LedgerEvent): void {
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
      await sleep(ACKNOWLEDGE_AFTER_MS)
      const ids = this.#published
      this.#published = []
      try {
        if ((await store.acknowledge(ids)) > 0) this.#options.onMarked?.()
      } catch (error) {
        // The rows stay. The sweep publishes them again and then tries to acknowledge them again.
        logger.debug({ err: error }, 'published events were not acknowledged')
      }
    }
  }

  #tick(): void {
    this.#sweeping ??= this.#sweep().finally(() => {
      this.#sweeping = undefined
      if (this.#sweepAgain) this.sweep()
    })
  }

  async #sweep(): Promise<void> {
    const { bus, store, logger, leftOverAfterMs = 1000, observers = [] } = this.#options
    try {
      // While nothing can be published, nothing is claimed: the rows wait until Redis is back.
      while (bus.reachable) {
        const rows = await store.claim(CLAIM_SIZE, leftOverAfterMs)
        const sent = await Promise.all(rows.map((committed) => this.#send(committed, true)))
        if (rows.length > 0) {
          logger.debug({ rows: rows.length }, 'swept the outbox')
          for (const observer of observers) observer.swept?.(rows.length)
        }
        if (rows.length < CLAIM_SIZE || sent.includes(false)) return
      }
    } catch (error) {
      logger.debug({ err: error }, 'the outbox could not be swept')
    }
  }
}

export interface PublishingOptions {
  /** Undefined: this process is the only one. */
  redis: RedisTarget | undefined
  store: OutboxStore & ChangeLog & { epoch: string }
  /** Of the documented `balance:user:<userId>` keys. */
  currency: string
  /** Events of each user that Redis keeps. */
  history?: number | undefined
  /** Parts that users are divided into. */
  shards?: number | undefined
  /** Tenants that lived in another database, and live in the main one again. */
  returned?: readonly string[] | undefined
  log: Logger
  observers: readonly PublishObserver[]
  onMarked: () => void
}

/** Publishes what the processes commit in one database. */
export interface Publishing {
  onCommitted(committed: Committed): Promise<void>
  announce(notices: readonly AdminNotice[]): void
  sweep(): void
}

/** Starts the bus of the installation, and the outbox of the main database. `shutdown` closes both. */
export function startPublishing(
  {
    redis,
    store,
    currency,
    history,
    shards,
    returned,
    log,
    observers,
    onMarked,
  }: PublishingOptions,
  shutdown: ShutdownStack,
): Publishing & { bus: Bus } {
  const shared = { epoch: store.epoch, currency, logger: log }
  const bus = redis
    ? new RedisBus({ ...shared, redis, history, shards, returned, changes: store })
    : new MemoryBus(shared)
  shutdown.add(() => bus.close())
  return { bus, ...startOutbox({ bus, store, logger: log, observers, onMarked }, shutdown) }
}

/** Starts the outbox of a database. `shutdown` closes it. */
export function startOutbox(options: OutboxOptions, shutdown: ShutdownStack): Publishing {
  const outbox = new Outbox(options)
  shutdown.add(() => outbox.close())
  return {
    async onCommitted(committed) {
      await outbox.publish(committed)
    },
    announce: (notices) => outbox.announce(notices),
    sweep: () => outbox.sweep(),
  }
}
