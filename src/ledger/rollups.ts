import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import type { Sql } from '../postgres/database.ts'

export interface RollUpsOptions {
  sql: Sql
  log: Pick<Logger, 'warn' | 'info'>
  /** Time between the end of a round and the start of the next. Default 5 s. */
  intervalMs?: number
}

/** Rows of the feed in one step: each is a call of outbox_acknowledge(), with the wallets of some commits. */
const ROWS_PER_STEP = 500

/** Wallets in one step of a rebuild. Answers never wait for it. */
const WALLETS_PER_STEP = 200

/** Rows of a replaced generation that one step deletes from each table. */
const ROWS_PER_TIDY = 5_000

/** A rebuild without a sign of life for so long has ended with its process. */
const ABANDONED_SECONDS = 60

/** Events are gone that are not in the roll-ups. */
const EVENTS_MISSING = '55000'

/**
 * Keeps the roll-ups of sql/functions/analytics up to date. A lock inside the SQL functions lets only one process do
 * so at a time. Where nothing is built yet, or events were deleted that the roll-ups did not have, it rebuilds them.
 */
export class RollUps {
  readonly #sql: Sql
  readonly #log: Pick<Logger, 'warn' | 'info'>
  readonly #task: PeriodicTask

  constructor({ sql, log, intervalMs = 5_000 }: RollUpsOptions) {
    this.#sql = sql
    this.#log = log
    this.#task = new PeriodicTask((signal) => this.#round(signal), {
      ...{ log, intervalMs },
      name: 'rolling up the ledger',
    })
  }

  start(): void {
    this.#task.start()
  }

  stop(): Promise<void> {
    return this.#task.stop()
  }

  async #round(signal: AbortSignal): Promise<void> {
    const [state] = await this.#sql<{ is_built: boolean; is_building: boolean }[]>`
      select generation > 0 as is_built, coalesce(
        build_seen_at between ledger_clock() - make_interval(secs => ${ABANDONED_SECONDS})
          and ledger_clock() + make_interval(secs => ${ABANDONED_SECONDS}), false) as is_building
      from analytics_state`
    if (!state?.is_built) {
      if (!state?.is_building) await this.#rebuild(signal)
      return
    }
    try {
      await rollUp(this.#sql, signal)
    } catch (error) {
      if ((error as { code?: unknown }).code !== EVENTS_MISSING) throw error
      if (state.is_building) return
      this.#log.warn({ err: error }, 'the roll-ups miss events that are gone, and are rebuilt')
      await this.#rebuild(signal)
    }
    await tidy(this.#sql, signal)
  }

  async #rebuild(signal: AbortSignal): Promise<void> {
    const began = performance.now()
    await rebuild(this.#sql, { signal })
    if (signal.aborted) return
    const seconds = Math.round((performance.now() - began) / 1000)
    this.#log.info(`the roll-ups are rebuilt, in ${seconds} s`)
  }
}

/** Brings the roll-ups up to date with everything that is published. Does nothing while another process does it. */
export async function rollUp(sql: Sql, signal?: AbortSignal): Promise<void> {
  for (let taken = ROWS_PER_STEP; taken === ROWS_PER_STEP && !signal?.aborted; ) {
    const [row] = await sql<{ taken: number | null }[]>`
      select analytics_step(${ROWS_PER_STEP}) as taken`
    taken = row?.taken ?? 0
  }
}

export interface RebuildOptions {
  signal?: AbortSignal
  /** Called after each step with the number of wallets done, and of all. */
  onStep?: (done: number, of: number) => void
}

/**
 * Builds the roll-ups anew from the entries, in steps, while answers come from the current ones. They are replaced at
 * the end, in one transaction. Ends early when the signal is aborted: then nothing has changed.
 *
 * @throws Error if another rebuild begins meanwhile
 */
export async function rebuild(
  sql: Sql,
  { signal, onStep = () => {} }: RebuildOptions = {},
): Promise<void> {
  const [begun] = await sql<{ id: string; wallets: number }[]>`
    select analytics_build_begin() as id, (select count(*)::int from wallets) as wallets`
  if (!begun) throw new Error('analytics_build_begin() returned nothing')
  const { id, wallets } = begun
  let done = 0
  for (let after: string | null = '0'; after !== null; ) {
    if (signal?.aborted) return
    const rows: { after: string | null }[] = await sql`
      select analytics_build(${id}, ${after}, ${WALLETS_PER_STEP}) as after`
    after = rows[0]?.after ?? null
    done += WALLETS_PER_STEP
    onStep(Math.min(done, wallets), wallets)
  }
  for (let changed = WALLETS_PER_STEP; changed === WALLETS_PER_STEP; ) {
    if (signal?.aborted) return
    const rows: { changed: number }[] = await sql`
      select analytics_build_catch_up(${id}, ${WALLETS_PER_STEP}) as changed`
    changed = rows[0]?.changed ?? 0
  }
  await sql`select analytics_build_finish(${id})`
  await tidy(sql, signal)
}

/** Deletes what a rebuild has replaced, and counts that are old. Joins those of all processes. */
async function tidy(sql: Sql, signal?: AbortSignal): Promise<void> {
  for (let taken = '1'; taken !== '0' && !signal?.aborted; ) {
    const [row] = await sql<{ taken: string }[]>`
      select analytics_tidy(${ROWS_PER_TIDY}) + analytics_tidy_counts(${ROWS_PER_TIDY}) as taken`
    taken = row?.taken ?? '0'
  }
}
