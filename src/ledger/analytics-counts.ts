import { randomUUID } from 'node:crypto'
import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import type { Sql } from '../postgres/database.ts'
import type { Command, Operation, Outcome, TransactionType } from './command.ts'
import type { LedgerObserver } from './observer.ts'

/** Commands by which a user pays. Their refusals are counted. */
const PAYS: Partial<Record<Operation, TransactionType>> = {
  payment: 'booking_payment',
  transfer: 'transfer',
  withdrawal_request: 'withdrawal',
  hold: 'hold',
}

const QUARTER_MS = 900_000

/** More tenants and labels than this in a quarter of an hour are not counted, so that memory is bounded. */
const MOST_ROWS = 20_000

interface Row {
  at: string
  tenant: string
  name: string
  label: string
  currency: string
  count: number
  amount: bigint
}

/** What connections did since the process started, by tenant and transport. */
export interface Traffic {
  tenant: string
  transport: string
  connections: number
  events: number
}

export interface AnalyticsCountsOptions {
  sql: Sql
  log: Pick<Logger, 'warn' | 'info'>
  /** Time between two writes. A process that is killed loses what it counted since the last one. Default 60 s. */
  intervalMs?: number
  /** Milliseconds since 1970. */
  now?: () => number
}

/**
 * Counts what leaves no row in the ledger, by quarter of an hour: refused payments, connections, and events that reached
 * them. Once a minute and at a graceful stop it writes the whole counts of the current quarters, so that a repeated
 * write adds nothing.
 */
export class AnalyticsCounts implements LedgerObserver {
  readonly #sql: Sql
  readonly #log: Pick<Logger, 'warn' | 'info'>
  readonly #now: () => number
  readonly #process = randomUUID()
  readonly #task: PeriodicTask
  readonly #rows = new Map<string, Row>()
  readonly #changed = new Set<string>()
  readonly #sources: (() => Iterable<Traffic>)[] = []
  readonly #seen = new Map<string, Traffic>()

  constructor({ sql, log, intervalMs = 60_000, now = Date.now }: AnalyticsCountsOptions) {
    this.#sql = sql
    this.#log = log
    this.#now = now
    this.#task = new PeriodicTask(() => this.flush(), {
      ...{ log, intervalMs },
      name: 'writing the counts of analytics',
    })
  }

  start(): void {
    this.#task.start()
  }

  async stop(): Promise<void> {
    await this.#task.stop()
    await this.flush().catch((err: unknown) =>
      this.#log.warn({ err }, 'the last counts of analytics could not be written'),
    )
  }

  /** @param read gives the counts since the start of the process */
  watch(read: () => Iterable<Traffic>): void {
    this.#sources.push(read)
  }

  calling(): () => void {
    return () => {}
  }

  settled(command: Command, outcome: Outcome | undefined): void {
    const type = PAYS[command.op]
    if (!outcome || outcome.ok || outcome.replayed || type === undefined) return
    // Another command of the same request was refused.
    if (outcome.code === 'bulk_aborted') return
    this.#add({
      ...{ tenant: command.tenant, name: 'refusals', label: `${type} ${outcome.code}` },
      currency: command.currency ?? '',
      amount: command.amount ?? 0n,
      count: 1,
    })
  }

  /** Writes what has changed. What could not be written is written the next time. */
  async flush(): Promise<void> {
    this.#readTraffic()
    const keys = [...this.#changed]
    if (keys.length === 0) return
    const rows = keys.flatMap((key) => this.#rows.get(key) ?? [])
    const json = JSON.stringify(
      rows.map((row) => ({ ...row, process: this.#process, amount: row.amount.toString() })),
    )
    for (const key of keys) this.#changed.delete(key)
    try {
      await this.#sql`select analytics_count(${json}::text::json)`
    } catch (error) {
      for (const key of keys) this.#changed.add(key)
      throw error
    }
    const quarter = this.#quarter()
    for (const [key, { at }] of this.#rows) {
      if (at < quarter && !this.#changed.has(key)) this.#rows.delete(key)
    }
  }

  #readTraffic(): void {
    for (const traffic of this.#sources.flatMap((read) => [...read()])) {
      const { tenant, transport, connections, events } = traffic
      const key = `${tenant}\n${transport}`
      const before = this.#seen.get(key)
      const common = { tenant, label: transport, currency: '', amount: 0n }
      const opened = connections - (before?.connections ?? 0)
      if (opened > 0) this.#add({ ...common, name: 'connections', count: opened })
      const delivered = events - (before?.events ?? 0)
      if (delivered > 0) this.#add({ ...common, name: 'events', count: delivered })
      this.#seen.set(key, { tenant, transport, connections, events })
    }
  }

  #add(row: Omit<Row, 'at'>): void {
    const at = this.#quarter()
    const key = [at, row.tenant, row.name, row.label, row.currency].join('\n')
    const known = this.#rows.get(key)
    if (known) {
      known.count += row.count
      known.amount += row.amount
    } else if (this.#rows.size < MOST_ROWS) this.#rows.set(key, { at, ...row })
    this.#changed.add(key)
  }

  #quarter(): string {
    return new Date(Math.floor(this.#now() / QUARTER_MS) * QUARTER_MS).toISOString()
  }
}
