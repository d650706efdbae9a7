import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import type { Sql } from '../postgres/database.ts'

export interface EventPartitionsOptions {
  /** Sessions for statements that may take longer than a request: one reads a partition before it goes. */
  longRunning: Sql
  log: Pick<Logger, 'warn' | 'info'>
  eventRetentionSeconds: number
  /** Time between rounds. Default 10 minutes. */
  intervalMs?: number
}

/**
 * Begins a new partition of events when it is time, and drops the oldest one that nobody needs. What stands in the way
 * of a round, such as a reader's lock, is tried again in the next. `Retention` deletes what cannot be dropped.
 */
export class EventPartitions {
  readonly #sql: Sql
  readonly #keepSeconds: number
  readonly #task: PeriodicTask

  constructor({
    longRunning,
    log,
    eventRetentionSeconds,
    intervalMs = 600_000,
  }: EventPartitionsOptions) {
    this.#sql = longRunning
    this.#keepSeconds = eventRetentionSeconds
    this.#task = new PeriodicTask(() => this.#round(), {
      log,
      name: 'partitions of events',
      intervalMs,
    })
  }

  start(): void {
    this.#task.start()
  }

  stop(): Promise<void> {
    return this.#task.stop()
  }

  async #round(): Promise<void> {
    const sql = this.#sql
    // Statements of their own, because each must be committed before the next.
    await sql`select drop_events()`
    await sql`select advance_events(make_interval(secs => ${this.#keepSeconds}))`
    const [row] = await sql<{ detached: boolean }[]>`
      select detach_events(make_interval(secs => ${this.#keepSeconds})) as detached`
    if (row?.detached) await sql`select drop_events()`
  }
}
