import type { Claim } from './answers.ts'
import type {
  Audit,
  Auditor,
  AuditProgress,
  Discrepancy,
  Recalculation,
  RecalculationOfAll,
  RecalculationStretch,
  Verification,
} from './auditor.ts'
import type { WalletState } from './balance.ts'
import type { Committed } from './command.ts'
import type { Sql } from './database.ts'
import type { Who } from './event.ts'
import { type EventRow, toEvent } from './rows.ts'

export interface AuditorOptions {
  /** As of the executor: called after each commit that has events. */
  onCommitted?: (committed: Committed) => Promise<void>
  /** Called with wallets that were found right, so that a cache can be set right too. */
  onVerified?: (wallets: WalletState[]) => Promise<void>
}

interface DiscrepancyRow {
  user_id?: string
  currency?: string
  problem: string
  snapshot_balance?: number | null
  calculated_balance?: number | null
  at: string | null
}

interface AuditStep {
  total: string
  inaccurate: string
  entries: string | null
  ledger: { currency: string; debits: string; credits: string }[] | null
  discrepancies: DiscrepancyRow[] | null
}

/** Discrepancies that an audit lists, at most. */
const LISTED = 1_000

/** Wallets that one statement of an audit proves, all as of one instant. */
const AUDITED = 500

/** Steps under way at once: each keeps one core of the database busy. */
const LANES = 2

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

  /**
   * In steps of some wallets, so that neither memory nor the life of a snapshot grows with the ledger. Each
   * wallet is proven as of one instant, and a posting touches no two wallets: together they prove the whole.
   */
  async audit(tenant: string, onStep: AuditProgress = () => {}): Promise<Audit> {
    const audit: Audit = {
      total: 0,
      accurate: 0,
      inaccurate: 0,
      entries: 0,
      ledger: [],
      discrepancies: [],
    }
    const sums = new Map<string, { debits: bigint; credits: bigint }>()
    const list = (rows: DiscrepancyRow[]) =>
      audit.discrepancies.push(
        ...rows.slice(0, LISTED - audit.discrepancies.length).map(toDiscrepancy),
      )
    const starts = await this.#starts(tenant)
    const steps = starts.length
    let walked = 0
    onStep(walked, steps)
    const walk = async () => {
      for (let after = starts.pop(); after !== undefined; after = starts.pop()) {
        const [step] = await this.#sql<AuditStep[]>`
          select * from audit_wallets(${tenant}, ${after}, ${AUDITED})`
        if (!step) throw new Error('audit_wallets() returned nothing')
        audit.total += Number(step.total)
        audit.inaccurate += Number(step.inaccurate)
        audit.entries += Number(step.entries ?? 0)
        for (const { currency, debits, credits } of step.ledger ?? []) {
          const sum = sums.get(currency) ?? { debits: 0n, credits: 0n }
          sum.debits += BigInt(debits)
          sum.credits += BigInt(credits)
          sums.set(currency, sum)
        }
        list(step.discrepancies ?? [])
        walked += 1
        onStep(walked, steps)
      }
    }
    await Promise.all(Array.from({ length: LANES }, walk))
    list(await this.#sql<DiscrepancyRow[]>`select problem, at from audit_orphans(${tenant})`)
    audit.accurate = audit.total - audit.inaccurate
    audit.ledger = [...sums]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([currency, sum]) => ({ currency, ...sum }))
    return audit
  }

  /** Where the steps of an audit begin: after these accounts. */
  async #starts(tenant: string): Promise<string[]> {
    const rows = await this.#sql<{ account_id: string }[]>`
      select account_id from (
        select account_id, row_number() over (order by account_id) as place
        from balance_snapshots where tenant = ${tenant}
      ) as numbered
      where place % ${AUDITED}::int = 0 order by account_id desc`
    return [...rows.map((row) => row.account_id), '0']
  }

  async recalculate(who: Who, currency: string, claim?: Claim): Promise<Recalculation | undefined> {
    const [row] = await this.#sql<
      {
        previous_balance: string
        new_balance: string
        corrected: boolean
        events: EventRow[]
        outbox_id: string
      }[]
    >`
      select previous_balance, new_balance, corrected, events, outbox_id
      from recalculate(${who.tenant}, ${who.userId}, ${currency},
        ${claim?.actor ?? null}, ${claim?.key ?? null}, ${claim?.id ?? null})`
    if (!row) return undefined
    await this.#onCommitted({ outboxId: row.outbox_id, events: row.events.map(toEvent) })
    return {
      previousBalance: BigInt(row.previous_balance),
      newBalance: BigInt(row.new_balance),
      corrected: row.corrected,
    }
  }

  async recalculateAll(
    tenant: string,
    { cursor = '0', limit = Number.POSITIVE_INFINITY }: RecalculationStretch = {},
  ): Promise<RecalculationOfAll> {
    let total = 0
    let corrected = 0
    for (let after = cursor; ; ) {
      const step = Math.min(STEP, limit - total)
      const rows = await this.#sql<WalletRow[]>`
        select s.account_id, s.user_id, s.currency, s.balance, w.seq, is_accurate(s) as accurate
        from balance_snapshots s join wallets w on w.id = s.wallet_id
        where s.tenant = ${tenant} and s.account_id > ${after}
        order by s.account_id limit ${step}`
      for (const row of rows.filter(({ accurate }) => !accurate)) {
        const done = await this.recalculate({ tenant, userId: row.user_id }, row.currency)
        if (done?.corrected) corrected += 1
      }
      await this.#onVerified(
        rows.filter(({ accurate }) => accurate).map((row) => toWalletState(tenant, row)),
      )
      total += rows.length
      const last = rows[rows.length - 1]
      if (!last || rows.length < step) return { total, corrected, nextCursor: null, remaining: 0 }
      after = last.account_id
      if (total < limit) continue
      const remaining = await this.#countAfter(tenant, after)
      return { total, corrected, nextCursor: remaining > 0 ? after : null, remaining }
    }
  }

  async #countAfter(tenant: string, accountId: string): Promise<number> {
    const [row] = await this.#sql<{ count: string }[]>`
      select count(*) from balance_snapshots where tenant = ${tenant} and account_id > ${accountId}`
    return Number(row?.count ?? 0)
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
  const { user_id, currency, problem, snapshot_balance, calculated_balance, at } = row
  const discrepancy: Discrepancy = { problem }
  if (user_id !== undefined) discrepancy.userId = user_id
  if (currency !== undefined) discrepancy.currency = currency
  if (snapshot_balance != null) discrepancy.snapshotBalance = BigInt(snapshot_balance)
  if (calculated_balance != null) discrepancy.calculatedBalance = BigInt(calculated_balance)
  if (at !== null) discrepancy.at = at
  return discrepancy
}
