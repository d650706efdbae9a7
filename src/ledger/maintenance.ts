import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import type { ShutdownStack } from '../lib/shutdown-stack.ts'
import { sleep } from '../lib/timeout.ts'
import type { Sql } from '../postgres/database.ts'
import type { Executor } from './executor.ts'

/** Milliseconds from the call to the first round. */
const AFTER = 500

/**
 * What the ledger does unasked: holds expire, and what is past its time is forgotten. Begins a moment after
 * the function that this returns is called.
 */
export function createMaintenance(
  options: Omit<HoldExpiryOptions & RetentionOptions, 'every' | 'keyRetention'>,
  releases: ShutdownStack,
): () => void {
  const works = [new HoldExpiry(options), new Retention(options)]
  for (const work of works) releases.add(() => work.stop())
  return () => {
    // It asks over sessions of its own, which take Postgres and this thread longer to open than all of a
    // start to ask: not while somebody waits for the first answer.
    const later = setTimeout(() => {
      for (const work of works) work.start()
    }, AFTER)
    releases.add(async () => clearTimeout(later))
  }
}

export interface HoldExpiryOptions {
  sql: Sql
  executor: Pick<Executor, 'execute'>
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
  readonly #executor: Pick<Executor, 'execute'>
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

export interface RetentionOptions {
  sql: Sql
  log: Pick<Logger, 'warn' | 'info'>
  /** Seconds that an event is kept. */
  eventRetention: number
  /** Seconds that the answer to an idempotency key is kept. Default 30 days. */
  keyRetention?: number
  /** Milliseconds between the end of a pass and the next. Default 10 minutes. */
  every?: number
}

/**
 * Wallets, and blocks of idempotency keys, that one statement looks at. At most 100 events of a wallet
 * go in one step, so that no statement holds its locks for long.
 */
const WALLETS = 200
const BLOCKS = 128

/** A step is followed by a rest of so many times its length: pruning takes a tenth of one connection. */
const REST = 9

/**
 * Forgets events and idempotency keys that are past their time, a little at a time. Events that the
 * outbox still names stay. Several processes take turns by a lock within the functions.
 */
export class Retention {
  readonly #options: Required<RetentionOptions>
  readonly #rounds: PeriodicTask

  constructor(options: RetentionOptions) {
    this.#options = { keyRetention: 30 * 86_400, every: 600_000, ...options }
    this.#rounds = new PeriodicTask((signal) => this.#pass(signal), {
      log: options.log,
      name: 'pruning',
      intervalMs: this.#options.every,
    })
  }

  start(): void {
    this.#rounds.start()
  }

  stop(): Promise<void> {
    return this.#rounds.stop()
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const { sql, eventRetention, keyRetention } = this.#options
    await this.#walk(signal, async (after) => {
      const [row] = await sql<{ next: string | null }[]>`
        select prune_events(make_interval(secs => ${eventRetention}), ${after}, ${WALLETS}) as next`
      return row?.next ?? null
    })
    await this.#walk(signal, async (after) => {
      const [row] = await sql<{ next: string | null }[]>`
        select prune_idempotency_keys(make_interval(secs => ${keyRetention}), ${after}, ${BLOCKS})
          as next`
      return row?.next ?? null
    })
  }

  /** Step by step until there is no next, or it is another process's turn (null as well). */
  async #walk(signal: AbortSignal, step: (after: string) => Promise<string | null>): Promise<void> {
    for (let at: string | null = '0'; at !== null && !signal.aborted; ) {
      const began = performance.now()
      at = await step(at)
      await sleep((performance.now() - began) * REST, { signal, unref: true })
    }
  }
}
