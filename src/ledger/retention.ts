import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import { sleep } from '../lib/timeout.ts'
import type { Sql } from '../postgres/database.ts'

export interface PruningOptions {
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
export class Pruning {
  readonly #options: Required<PruningOptions>
  readonly #rounds: PeriodicTask

  constructor(options: PruningOptions) {
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
