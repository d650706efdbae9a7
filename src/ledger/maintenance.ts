import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import type { ShutdownStack } from '../lib/shutdown-stack.ts'
import { sleep } from '../lib/timeout.ts'
import type { Sql } from '../postgres/database.ts'
import type { Executor } from './executor.ts'

const START_DELAY_MS = 500

/**
 * The ledger's periodic work: it expires holds, and deletes old events and idempotency keys. The work starts
 * `START_DELAY_MS` after a call of the returned function.
 */
export function createMaintenance(
  options: Omit<HoldExpiryOptions & RetentionOptions, 'intervalMs' | 'keyRetentionSeconds'>,
  releases: ShutdownStack,
): () => void {
  const tasks = [new HoldExpiry(options), new Retention(options)]
  for (const task of tasks) releases.add(() => task.stop())
  return () => {
    // The first round opens more sessions, which takes time. It must not delay the first request.
    const timer = setTimeout(() => {
      for (const task of tasks) task.start()
    }, START_DELAY_MS)
    releases.add(async () => clearTimeout(timer))
  }
}

export interface HoldExpiryOptions {
  sql: Sql
  executor: Pick<Executor, 'execute'>
  log: Pick<Logger, 'warn' | 'info'>
  /** Time between rounds. Default 1 s. */
  intervalMs?: number
}

const HOLDS_PER_STEP = 500

/**
 * Expires holds, which frees their money. Holds that ended while no process ran are expired too. Each hold
 * is a command of the actor `system`. If several processes find the same hold, one expires it and the
 * others get a refusal.
 */
export class HoldExpiry {
  readonly #sql: Sql
  readonly #executor: Pick<Executor, 'execute'>
  readonly #task: PeriodicTask

  constructor({ sql, executor, log, intervalMs = 1_000 }: HoldExpiryOptions) {
    this.#sql = sql
    this.#executor = executor
    this.#task = new PeriodicTask((signal) => this.#round(signal), {
      log,
      name: 'expiring holds',
      intervalMs,
    })
  }

  start(): void {
    this.#task.start()
  }

  stop(): Promise<void> {
    return this.#task.stop()
  }

  /** If a hold cannot be expired, the round continues with the others and fails at its end. */
  async #round(signal: AbortSignal): Promise<void> {
    const failures: unknown[] = []
    for (let after = BEFORE_ALL; !signal.aborted; ) {
      const due = await dueHolds(this.#sql, after)
      const results = await Promise.allSettled(
        due.map(({ tenant, id }) =>
          this.#executor.execute({
            op: 'hold_expire',
            tenant,
            actor: 'system',
            transactionId: id,
          }),
        ),
      )
      for (const result of results) if (result.status === 'rejected') failures.push(result.reason)
      const last = due[due.length - 1]
      if (!last || due.length < HOLDS_PER_STEP) break
      after = last
    }
    if (failures.length > 0) {
      throw new Error(`${failures.length} holds could not be expired`, { cause: failures[0] })
    }
  }
}

/** A place in the order in which holds end. */
interface Place {
  /** As Postgres writes it, to the microsecond. */
  expires_at: string
  id: string
}

const BEFORE_ALL: Place = { expires_at: '-infinity', id: '00000000-0000-0000-0000-000000000000' }

/** Expired holds that are still pending, at most `HOLDS_PER_STEP` after a place. Reads only such holds. */
export function dueHolds(sql: Sql, after: Place = BEFORE_ALL) {
  // The clock is volatile, so only a subquery lets Postgres use the index.
  return sql<(Place & { tenant: string })[]>`
    select tenant, id, t.expires_at::text from transactions t
    where status = 'pending' and type = 'hold' and t.expires_at <= (select ledger_clock())
      and (t.expires_at, id) > (${after.expires_at}::text::timestamptz, ${after.id}::uuid)
    order by t.expires_at, id limit ${HOLDS_PER_STEP}`
}

export interface RetentionOptions {
  sql: Sql
  log: Pick<Logger, 'warn' | 'info'>
  eventRetentionSeconds: number
  /** How long the answer to an idempotency key is kept. Default 30 days. */
  keyRetentionSeconds?: number
  /** Time between the end of a pass and the next. Default 10 minutes. */
  intervalMs?: number
}

/**
 * A statement looks at so many wallets, or blocks of idempotency keys. It deletes at most 100 events of a
 * wallet, so that it does not hold its locks for long.
 */
const WALLETS_PER_STEP = 200
const BLOCKS_PER_STEP = 128

/** The pause after a step, as a multiple of the step's duration. So pruning uses a tenth of one connection. */
const PAUSE_RATIO = 9

/**
 * Deletes old events and idempotency keys in small steps. Events stay while the outbox names them. A lock
 * inside the SQL functions lets only one process prune at a time.
 */
export class Retention {
  readonly #options: Required<RetentionOptions>
  readonly #task: PeriodicTask

  constructor(options: RetentionOptions) {
    this.#options = { keyRetentionSeconds: 30 * 86_400, intervalMs: 600_000, ...options }
    this.#task = new PeriodicTask((signal) => this.#pass(signal), {
      log: options.log,
      name: 'pruning',
      intervalMs: this.#options.intervalMs,
    })
  }

  start(): void {
    this.#task.start()
  }

  stop(): Promise<void> {
    return this.#task.stop()
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const { sql, eventRetentionSeconds, keyRetentionSeconds } = this.#options
    await this.#walk(signal, async (after) => {
      const [row] = await sql<{ next: string | null }[]>`
        select prune_events(make_interval(secs => ${eventRetentionSeconds}), ${after}, ${WALLETS_PER_STEP}) as next`
      return row?.next ?? null
    })
    await this.#walk(signal, async (after) => {
      const [row] = await sql<{ next: string | null }[]>`
        select prune_idempotency_keys(make_interval(secs => ${keyRetentionSeconds}), ${after}, ${BLOCKS_PER_STEP})
          as next`
      return row?.next ?? null
    })
  }

  /** Runs steps until one returns null: nothing is left, or another process is pruning. */
  async #walk(signal: AbortSignal, step: (after: string) => Promise<string | null>): Promise<void> {
    for (let after: string | null = '0'; after !== null && !signal.aborted; ) {
      const began = performance.now()
      after = await step(after)
      await sleep((performance.now() - began) * PAUSE_RATIO, { signal, unref: true })
    }
  }
}
