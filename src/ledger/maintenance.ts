import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import type { ShutdownStack } from '../lib/shutdown-stack.ts'
import { sleep } from '../lib/timeout.ts'
import type { Sql } from '../postgres/database.ts'
import type { Command } from './command.ts'
import type { Deeds } from './deeds.ts'
import { EventPartitions } from './event-partitions.ts'
import type { Executor } from './executor.ts'
import { RollUps } from './rollups.ts'

export interface MaintenanceOptions
  extends Omit<HoldExpiryOptions & RetentionOptions, 'intervalMs' | 'keyRetentionSeconds'> {
  /** Sessions for statements that may take longer than a request. */
  longRunning: Sql
  deeds: Pick<Deeds, 'seal'>
}

/** Time between two rounds that seal deeds. */
const SEALING_INTERVAL_MS = 5_000

/**
 * The ledger's periodic work: it expires holds, drops or deletes old events and idempotency keys, keeps the roll-ups up
 * to date, and seals deeds. Call the result to start.
 */
export function createMaintenance(
  { longRunning, ...options }: MaintenanceOptions,
  releases: ShutdownStack,
): () => void {
  const { deeds, log } = options
  const sealing = new PeriodicTask(
    async (signal) => {
      while (!signal.aborted && (await deeds.seal()) > 0);
    },
    { log, name: 'sealing deeds', intervalMs: SEALING_INTERVAL_MS },
  )
  const tasks = [
    new HoldExpiry(options),
    new EventPartitions({ ...options, longRunning }),
    new Retention(options),
    new RollUps({ sql: longRunning, log }),
    sealing,
  ]
  for (const task of tasks) releases.add(() => task.stop())
  return () => {
    for (const task of tasks) task.start()
  }
}

export interface HoldExpiryOptions {
  sql: Sql
  executor: Pick<Executor, 'execute'>
  log: Pick<Logger, 'warn' | 'info'>
  /** Users and services are warned of a hold's end so long before it. Default 0: never. */
  holdExpiringSeconds?: number
  /** Time between rounds. Default 1 s. */
  intervalMs?: number
}

const HOLDS_PER_STEP = 500

/**
 * Expires holds, which frees their money, and warns of the end of others. Holds that ended while no process ran are
 * expired too. Each hold is a command of the actor `system`. If several processes find the same hold, one command is
 * accepted and the others are refused. So each warning is sent once, also if a process is killed.
 */
export class HoldExpiry {
  readonly #sql: Sql
  readonly #executor: Pick<Executor, 'execute'>
  readonly #warnSeconds: number
  readonly #task: PeriodicTask

  constructor({
    sql,
    executor,
    log,
    holdExpiringSeconds = 0,
    intervalMs = 1_000,
  }: HoldExpiryOptions) {
    this.#sql = sql
    this.#executor = executor
    this.#warnSeconds = holdExpiringSeconds
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
    const seconds = this.#warnSeconds
    const failures = await this.#run({ op: 'hold_expire' }, signal, (after) =>
      dueHolds(this.#sql, after),
    )
    if (seconds > 0) {
      const warning = { op: 'hold_expiring', expiresIn: Math.ceil(seconds) } as const
      failures.push(
        ...(await this.#run(warning, signal, (after) => expiringHolds(this.#sql, seconds, after))),
      )
    }
    if (failures.length > 0) {
      throw new Error(`${failures.length} holds could not be expired`, { cause: failures[0] })
    }
  }

  /** Runs a command for each hold that `next` finds, step by step. @returns the failures */
  async #run(
    command: Pick<Command, 'op' | 'expiresIn'>,
    signal: AbortSignal,
    next: (after: Place) => Promise<(Place & { tenant: string })[]>,
  ): Promise<unknown[]> {
    const failures: unknown[] = []
    for (let after = BEFORE_ALL; !signal.aborted; ) {
      const holds = await next(after)
      const results = await Promise.allSettled(
        holds.map(({ tenant, id }) =>
          this.#executor.execute({ ...command, tenant, actor: 'system', transactionId: id }),
        ),
      )
      for (const result of results) if (result.status === 'rejected') failures.push(result.reason)
      const last = holds[holds.length - 1]
      if (!last || holds.length < HOLDS_PER_STEP) break
      after = last
    }
    return failures
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
    where status = 'pending' and type = 'hold' and t.expires_at <= (select ledger_clock()) and not has_left(tenant)
      and (t.expires_at, id) > (${after.expires_at}::text::timestamptz, ${after.id}::uuid)
    order by t.expires_at, id limit ${HOLDS_PER_STEP}`
}

/** Holds that end within so many seconds, and of whose end nobody was told. Reads only such holds. */
export function expiringHolds(sql: Sql, seconds: number, after: Place = BEFORE_ALL) {
  return sql<(Place & { tenant: string })[]>`
    select tenant, id, t.expires_at::text from transactions t
    where status = 'pending' and type = 'hold' and (hold_state).expiring_seq is null
      and t.expires_at <= (select ledger_clock() + make_interval(secs => ${seconds})) and not has_left(tenant)
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
 * Deletes old events that `EventPartitions` does not drop, and idempotency keys, in small steps. Events stay while the
 * outbox names them. A lock inside the SQL functions lets only one process prune at a time.
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
