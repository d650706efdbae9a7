import type { Committed } from './command.ts'
import type { Sql } from './database.ts'
import type { Who } from './event.ts'
import type {
  Audit,
  Auditor,
  Discrepancy,
  Recalculation,
  Verification,
  WalletState,
} from './ledger.ts'
import { type EventRow, toEvent } from './rows.ts'

export interface AuditorOptions {
  /** As of the executor: called after each commit that has events. */
  onCommitted?: (committed: Committed) => Promise<void>
  /** Called with wallets that were found right, so that a cache can be set right too. */
  onVerified?: (wallets: WalletState[]) => Promise<void>
}

interface DiscrepancyRow {
  user_id: string | null
  currency: string
  problem: string
  snapshot_balance: number | null
  calculated_balance: number | null
  at: string | null
}

interface AuditRow {
  total: number
  inaccurate: number
  entries: number
  ledger: { currency: string; debits: number | null; credits: number | null }[]
  discrepancies: DiscrepancyRow[]
}

/** Wallets that `recalculateAll` looks at in one step. */
const STEP = 500

/** Runs the proofs of sql/functions/audit*.sql, and repairs snapshots. */
export class PostgresAuditor implements Auditor {
  readonly #sql: Sql
  readonly #onCommitted: (committed: Committed) => Promise<void>
  readonly #onVerified: (wallets: WalletState[]) => Promise<void>

  constructor(sql: Sql, options: AuditorOptions = {}) {
    this.#sql = sql
    this.#onCommitted = options.onCommitted ?? (() => Promise.resolve())
    this.#onVerified = options.onVerified ?? (() => Promise.resolve())
  }

  async verify(who: Who, currency: string): Promise<Verification | undefined> {
    const [row] = await this.#sql<{ snapshot_balance: string; calculated_balance: string }[]>`
      select * from verify_wallet(${who.tenant}, ${who.userId}, ${currency})`
    if (!row) return undefined
    const snapshotBalance = BigInt(row.snapshot_balance)
    const calculatedBalance = BigInt(row.calculated_balance)
    return {
      currency,
      snapshotBalance,
      calculatedBalance,
      isAccurate: snapshotBalance === calculatedBalance,
    }
  }

  async audit(tenant: string): Promise<Audit> {
    const [row] = await this.#sql<{ audit: AuditRow }[]>`select audit(${tenant})`
    if (!row) throw new Error('audit() returned nothing')
    const { total, inaccurate, entries, ledger, discrepancies } = row.audit
    return {
      total,
      inaccurate,
      accurate: total - inaccurate,
      entries,
      ledger: ledger.map(({ currency, debits, credits }) => ({
        currency,
        debits: BigInt(debits ?? 0),
        credits: BigInt(credits ?? 0),
      })),
      discrepancies: discrepancies.map(toDiscrepancy),
    }
  }

  async recalculate(who: Who, currency: string): Promise<Recalculation | undefined> {
    const [row] = await this.#sql<
      { previous_balance: string; new_balance: string; events: EventRow[]; outbox_id: string }[]
    >`
      select previous_balance, new_balance, events, outbox_id
      from recalculate(${who.tenant}, ${who.userId}, ${currency})`
    if (!row) return undefined
    await this.#onCommitted({ outboxId: row.outbox_id, events: row.events.map(toEvent) })
    return {
      currency,
      previousBalance: BigInt(row.previous_balance),
      newBalance: BigInt(row.new_balance),
    }
  }

  async recalculateAll(tenant: string): Promise<{ total: number; corrected: number }> {
    let total = 0
    let corrected = 0
    for (let after = '0'; ; ) {
      const rows = await this.#sql<WalletRow[]>`
        select s.account_id, s.user_id, s.currency, s.balance, w.seq, is_accurate(s) as accurate
        from balance_snapshots s join wallets w on w.id = s.wallet_id
        where s.tenant = ${tenant} and s.account_id > ${after}
        order by s.account_id limit ${STEP}`
      for (const row of rows.filter(({ accurate }) => !accurate)) {
        await this.recalculate({ tenant, userId: row.user_id }, row.currency)
        corrected += 1
      }
      await this.#onVerified(
        rows.filter(({ accurate }) => accurate).map((row) => toWalletState(tenant, row)),
      )
      total += rows.length
      const last = rows[rows.length - 1]
      if (!last || rows.length < STEP) return { total, corrected }
      after = last.account_id
    }
  }
}

interface WalletRow {
  account_id: string
  user_id: string
  currency: string
  balance: string
  seq: string
  accurate: boolean
}

function toWalletState(tenant: string, row: WalletRow): WalletState {
  return {
    tenant,
    userId: row.user_id,
    currency: row.currency,
    balance: BigInt(row.balance),
    seq: Number(row.seq),
  }
}

function toDiscrepancy(row: DiscrepancyRow): Discrepancy {
  const discrepancy: Discrepancy = { problem: row.problem, currency: row.currency }
  if (row.user_id !== null) discrepancy.userId = row.user_id
  if (row.snapshot_balance !== null) discrepancy.snapshotBalance = BigInt(row.snapshot_balance)
  if (row.calculated_balance !== null)
    discrepancy.calculatedBalance = BigInt(row.calculated_balance)
  if (row.at !== null) discrepancy.at = row.at
  return discrepancy
}
