import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import type { Sql } from '../postgres/database.ts'
import type { Executor } from './command.ts'

export interface HoldExpiryOptions {
  sql: Sql
  executor: Executor
  log: Pick<Logger, 'warn' | 'info'>
  /** Milliseconds between rounds. Default 1000. */
  every?: number
}

/** Holds that are expired at once. */
const STEP = 500

/**
 * Frees the money of holds whose time is over, also of those that ran out while no process was there.
 * Each goes through the executor like any command, as actor `system`; of several processes that see the
 * same hold one expires it, and the others are told that it is done.
 */
export class HoldExpiry {
  readonly #sql: Sql
  readonly #executor: Executor
  readonly #rounds: PeriodicTask

  constructor({ sql, executor, log, every = 1_000 }: HoldExpiryOptions) {
    this.#sql = sql
    this.#executor = executor
    this.#rounds = new PeriodicTask((signal) => this.#round(signal), {
      log,
      name: 'expiring holds',
      intervalMs: every,
    })
  }

  start(): void {
    this.#rounds.start()
  }

  stop(): Promise<void> {
    return this.#rounds.stop()
  }

  /** One hold that cannot be expired keeps no other from it: the round goes on, and fails at its end. */
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
      if (!last || due.length < STEP) break
      after = last
    }
    if (failures.length > 0) {
      throw new Error(`${failures.length} holds could not be expired`, { cause: failures[0] })
    }
  }
}

/** A place in the order in which holds end. */
interface Place {
  /** Of Postgres's own form, to the microsecond. */
  expires_at: string
  id: string
}

const BEFORE_ALL: Place = { expires_at: '-infinity', id: '00000000-0000-0000-0000-000000000000' }

/** The holds whose time is over, at most `STEP` after a place. Reads no hold that still stands. */
export function dueHolds(sql: Sql, after: Place = BEFORE_ALL) {
  // Asked for once, as a subquery: an index cannot be asked for what changes from row to row.
  return sql<(Place & { tenant: string })[]>`
    select tenant, id, t.expires_at::text from transactions t
    where status = 'pending' and type = 'hold' and t.expires_at <= (select ledger_clock())
      and (t.expires_at, id) > (${after.expires_at}::text::timestamptz, ${after.id}::uuid)
    order by t.expires_at, id limit ${STEP}`
}
