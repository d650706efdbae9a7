import { allFulfilled, Batcher } from '../lib/batcher.ts'
import { sleep, withTimeout } from '../lib/timeout.ts'
import type { Sql } from '../postgres/database.ts'
import {
  asUnavailable,
  codeOf,
  DatabaseUnavailable,
  isLockTimeout,
  isTransient,
  SQLSTATE,
  tenantElsewhere,
} from '../postgres/errors.ts'
import { type AdminNotice, requestsIn } from './admin-notice.ts'
import type { Command, Committed, Outcome, RefusalCode } from './command.ts'
import { toJson } from './command.ts'
import { LockedWallets } from './locked-wallets.ts'
import type { LedgerObserver } from './observer.ts'
import {
  type BriefPayment,
  type ChangeRow,
  type TransactionRow,
  toEvents,
  toPaymentChange,
  toTransaction,
  withAmounts,
} from './rows.ts'

export interface ExecutorOptions {
  /**
   * Called right after each commit that has events. The commands are answered when the promise settles, so that a
   * read after the write finds the new balance. It must settle soon.
   */
  onCommitted?: (committed: Committed) => Promise<void>
  /** Called after each commit with the requests that wait for an admin since. It must not throw. */
  announce?: (notices: readonly AdminNotice[]) => void
  /** The largest number of commands in one SQL call. */
  batchSize?: number
  /** Calls that run at once. Few writers with full batches are faster than many that wait for one busy wallet. */
  inFlight?: number
  /** How long a command is retried while the database is unavailable. */
  retryForMs?: number
  /** After this time a call without an answer counts as lost. It may or may not have been applied. */
  callTimeoutMs?: number
  /** Called for every call and every command. */
  observers?: readonly LedgerObserver[]
}

interface ResultRow {
  refusal: RefusalCode | null
  details: Record<string, unknown> | null
  /** The place of its change among all. */
  change: number | null
  replayed: boolean
  /** In place of `change`: the transaction when the idempotency key was first used. */
  transaction: TransactionRow | null
}

interface Applied {
  outcome: Outcome
  published: Promise<void>
}

interface AppliedRow {
  results: ResultRow[]
  changes: (ChangeRow | BriefPayment)[]
  outbox_id: string | null
}

/** The write side: sends the waiting commands to `ledger_apply()` as batches. */
export class Executor {
  readonly #sql: Sql
  readonly #batcher: Batcher<Command, Applied>
  readonly #lockedWallets: LockedWallets
  readonly #onCommitted: (committed: Committed) => Promise<void>
  readonly #announce: ExecutorOptions['announce']
  readonly #retryForMs: number
  readonly #callTimeoutMs: number
  readonly #observers: readonly LedgerObserver[]

  constructor(sql: Sql, options: ExecutorOptions = {}) {
    this.#sql = sql
    this.#lockedWallets = new LockedWallets(sql)
    this.#onCommitted = options.onCommitted ?? (() => Promise.resolve())
    this.#announce = options.announce
    this.#retryForMs = options.retryForMs ?? 5_000
    this.#callTimeoutMs = options.callTimeoutMs ?? 10_000
    this.#observers = options.observers ?? []
    this.#batcher = new Batcher((commands) => this.#apply(commands), {
      size: options.batchSize ?? 128,
      inFlight: options.inFlight ?? 2,
    })
  }

  /**
   * While the database is unavailable, a command is retried for `retryForMs`, if it cannot have taken effect or has an
   * idempotency key.
   * @throws DatabaseUnavailable if it stayed unavailable, or if a command without a key may have been applied
   */
  async execute(command: Command): Promise<Outcome> {
    if (command.dryRun) return (await this.#preview([command]))[0] as Outcome
    const keyed = command.idempotencyKey !== undefined
    let settled: Outcome | undefined
    try {
      const { outcome, published } = await this.#retried(() => this.#batcher.add(command), keyed)
      await published
      settled = outcome
      return outcome
    } finally {
      this.#report(command, settled)
    }
  }

  /**
   * Applies commands in their order, in one SQL call and transaction.
   * @param mode `each`: a refusal concerns one command; `all or none`; `preview`: nothing is changed. In every mode
   *   nothing is applied if one idempotency key is `idempotency_key_reused`
   * @throws DatabaseUnavailable as `execute`, for all commands together
   */
  async executeAll(
    commands: readonly Command[],
    mode: 'each' | 'all or none' | 'preview',
  ): Promise<Outcome[]> {
    if (mode === 'preview') return this.#preview(commands)
    const keyed = commands.every(({ idempotencyKey }) => idempotencyKey !== undefined)
    let outcomes: Outcome[] = []
    try {
      const atomic = mode === 'all or none'
      const applied = await this.#retried(() => this.#observed(commands, { atomic }), keyed)
      await Promise.all(applied.map(({ published }) => published))
      outcomes = applied.map(({ outcome }) => outcome)
      return outcomes
    } finally {
      for (const [i, command] of commands.entries()) this.#report(command, outcomes[i])
    }
  }

  /** The outcomes that the commands would have, one after the other. Idempotency keys do not matter. */
  async #preview(commands: readonly Command[]): Promise<Outcome[]> {
    const json = jsonOf(commands.map(({ idempotencyKey: _, ...command }) => command))
    const [row] = await this.#retried(
      () =>
        answered(
          this.#sql<Pick<AppliedRow, 'results' | 'changes'>[]>`
            select results, changes from ledger_preview(${json}::text::json)`,
          this.#callTimeoutMs,
        ),
      true,
    )
    if (!row) throw new Error('ledger_preview returned nothing')
    const changes = fullChanges(commands, row)
    return row.results.map((result) => toOutcome(result, changes))
  }

  #report(command: Command, outcome: Outcome | undefined): void {
    for (const observer of this.#observers) observer.settled?.(command, outcome)
  }

  /** @param keyed whether idempotency keys make it safe to repeat the call if its outcome is unknown */
  async #retried<T>(call: () => PromiseLike<T>, keyed: boolean): Promise<T> {
    const deadline = performance.now() + this.#retryForMs
    for (let pause = 20; ; pause = Math.min(pause * 2, 500)) {
      try {
        return await call()
      } catch (error) {
        const unavailable = asUnavailable(error)
        const safe = unavailable?.notApplied || keyed
        // It takes longer than anybody waits.
        if (unavailable && tenantElsewhere(error) !== undefined) throw unavailable
        if (!isTransient(error) && !unavailable) throw error
        if ((unavailable && !safe) || performance.now() + pause > deadline) {
          throw unavailable ?? new DatabaseUnavailable(true, error)
        }
        await sleep(pause)
      }
    }
  }

  /** Commands that no call has taken yet. */
  get depth(): number {
    return this.#batcher.depth
  }

  async #apply(commands: Command[]): Promise<PromiseSettledResult<Applied>[]> {
    try {
      if (this.#lockedWallets.mayConcern(commands)) {
        const locked = await this.#lockedWallets.among(commands)
        if (locked.size > 0) return await this.#applyWithout(locked, commands)
      }
      return allFulfilled(await this.#observed(commands))
    } catch (reason) {
      // These errors mean that nothing of the batch was applied.
      if (commands.length > 1 && isLockTimeout(reason)) {
        const locked = await this.#lockedWallets.among(commands)
        if (locked.size > 0) return this.#applyWithout(locked, commands)
      } else if (tenantElsewhere(reason) !== undefined) {
        const theirs = commands.filter(({ tenant }) => tenant === tenantElsewhere(reason))
        return this.#applyWithout(new Set(theirs.length > 0 ? theirs : commands), commands, reason)
      } else if (
        commands.length === 1 ||
        asUnavailable(reason) ||
        // What one command meets while others change must not keep the rest of its batch from being applied.
        (isTransient(reason) && codeOf(reason) !== SQLSTATE.SERIALIZATION_FAILURE)
      ) {
        return commands.map(() => ({ status: 'rejected', reason }))
      }
      // Sent one by one, only the command that caused the error fails.
      const single: PromiseSettledResult<Applied>[] = []
      for (const command of commands) single.push(...(await this.#apply([command])))
      return single
    }
  }

  /**
   * Keeps a wallet that is locked from outside from delaying other users, and a tenant that moves from delaying other
   * tenants. Their own commands may be retried.
   */
  async #applyWithout(
    locked: ReadonlySet<Command>,
    commands: Command[],
    reason: unknown = new Error('another transaction locks the wallet'),
  ): Promise<PromiseSettledResult<Applied>[]> {
    const free = commands.filter((command) => !locked.has(command))
    const applied = (free.length > 0 ? await this.#apply(free) : []).values()
    const skipped = {
      status: 'rejected',
      reason: asUnavailable(reason) ?? new DatabaseUnavailable(true, reason),
    } as const
    return commands.map((command) =>
      locked.has(command) ? skipped : (applied.next().value ?? skipped),
    )
  }

  async #observed(commands: readonly Command[], bulk?: { atomic: boolean }): Promise<Applied[]> {
    const ends = this.#observers.map((observer) => observer.calling(commands))
    let applied: Applied[] | undefined
    try {
      applied = await this.#call(commands, bulk)
      return applied
    } finally {
      const outcomes = applied?.map(({ outcome }) => outcome)
      for (const end of ends) end(outcomes)
    }
  }

  async #call(commands: readonly Command[], bulk?: { atomic: boolean }): Promise<Applied[]> {
    const sql = this.#sql
    const json = jsonOf(commands)
    const call = bulk
      ? sql<AppliedRow[]>`
        select results, changes, outbox_id from ledger_apply_bulk(${json}::text::json, ${bulk.atomic})`
      : sql<AppliedRow[]>`
        select results, changes, outbox_id from ledger_apply(${json}::text::json)`
    const [row] = await answered(call, this.#callTimeoutMs)
    if (!row) throw new DatabaseUnavailable(false, new Error('ledger_apply returned nothing'))
    const changes = fullChanges(commands, row)
    const published =
      row.outbox_id === null
        ? Promise.resolve()
        : this.#onCommitted({ outboxId: row.outbox_id, events: changes.flatMap(toEvents) })
    this.#announce?.(requestsIn(changes))
    // A failure to publish is no failure of the command. The outbox row stays until the events are published.
    const settled = published.catch(() => {})
    return row.results.map((result) => ({
      outcome: toOutcome(result, changes),
      published: settled,
    }))
  }
}

/** A brief answer is a statement more for Postgres. From so many commands on, it saves more than that. */
const BRIEF_FROM = 4

function jsonOf(commands: readonly Command[]): string {
  const brief = commands.length >= BRIEF_FROM
  return JSON.stringify(commands.map((command) => toJson(command, brief)))
}

/** A server that neither answers nor hangs up must not hold a writer forever. */
function answered<T>(call: PromiseLike<T>, ms: number): Promise<T> {
  return withTimeout(Promise.resolve(call), ms, () => {
    throw new DatabaseUnavailable(false, new Error(`no answer within ${ms} ms`))
  })
}

/** The changes of a brief answer, with what the commands say of them. */
function fullChanges(
  commands: readonly Command[],
  { results, changes }: Pick<AppliedRow, 'results' | 'changes'>,
): ChangeRow[] {
  const full = [...changes]
  for (const [i, { change }] of results.entries()) {
    const brief = change === null ? undefined : full[change]
    if (change === null || !brief || 'transaction' in brief) continue
    full[change] = toPaymentChange(commands[i] as Command, brief)
  }
  return full as ChangeRow[]
}

function toOutcome(row: ResultRow, changes: ChangeRow[]): Outcome {
  const { replayed } = row
  const transaction = row.change === null ? row.transaction : changes[row.change]?.transaction
  if (transaction) {
    return { ok: true, transaction: toTransaction(transaction as TransactionRow), replayed }
  }
  return {
    ok: false,
    code: row.refusal ?? 'invalid_command',
    details: withAmounts(row.details),
    replayed,
  }
}
