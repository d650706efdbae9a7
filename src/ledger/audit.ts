/** A problem of a wallet (then `userId` is set) or of the ledger as a whole. */
export interface Discrepancy {
  userId?: string
  currency?: string
  /** For an admin to read: "the snapshot differs from the sum of entries". */
  problem: string
  snapshotBalance?: bigint
  calculatedBalance?: bigint
  /** The first entry or transaction with the problem, if there is one. */
  at?: string
}

export interface Audit {
  /** Wallets, one per user and currency. */
  total: number
  accurate: number
  inaccurate: number
  /** The first 1,000 of them. */
  discrepancies: Discrepancy[]
  /** All debits and credits of the tenant, in minor units. They are equal in a sound ledger. */
  ledger: { currency: string; debits: bigint; credits: bigint }[]
  /** Entries counted. */
  entries: number
}

/** A problem as the functions of sql/functions/audit return it. */
export interface DiscrepancyRow {
  user_id?: string
  currency?: string | null
  problem: string
  snapshot_balance?: number | null
  calculated_balance?: number | null
  at: string | null
}

/** A row of `audit_wallets()`. */
export interface AuditStep {
  total: string
  inaccurate: string
  entries: string | null
  ledger: { currency: string; debits: string; credits: string }[] | null
  discrepancies: DiscrepancyRow[] | null
  /** The account to continue after. Null at the end. */
  next: string | null
}

/** An audit lists at most so many discrepancies. */
const LISTED = 1_000

/** Adds up the steps of one audit, in any order. */
export class AuditTally {
  #total = 0
  #inaccurate = 0
  #entries = 0
  readonly #sums = new Map<string, { debits: bigint; credits: bigint }>()
  readonly #discrepancies: Discrepancy[] = []

  add(step: AuditStep): void {
    this.#total += Number(step.total)
    this.#inaccurate += Number(step.inaccurate)
    this.#entries += Number(step.entries ?? 0)
    for (const { currency, debits, credits } of step.ledger ?? []) {
      const sum = this.#sums.get(currency) ?? { debits: 0n, credits: 0n }
      sum.debits += BigInt(debits)
      sum.credits += BigInt(credits)
      this.#sums.set(currency, sum)
    }
    this.list(step.discrepancies ?? [])
  }

  /** Lists problems. Those of the ledger as a whole, which no step finds, are added here. */
  list(rows: DiscrepancyRow[]): void {
    this.#discrepancies.push(
      ...rows.slice(0, LISTED - this.#discrepancies.length).map(toDiscrepancy),
    )
  }

  audit(): Audit {
    return {
      total: this.#total,
      accurate: this.#total - this.#inaccurate,
      inaccurate: this.#inaccurate,
      entries: this.#entries,
      ledger: [...this.#sums]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([currency, sum]) => ({ currency, ...sum })),
      discrepancies: this.#discrepancies,
    }
  }
}

function toDiscrepancy(row: DiscrepancyRow): Discrepancy {
  const { user_id, currency, problem, snapshot_balance, calculated_balance, at } = row
  const discrepancy: Discrepancy = { problem }
  if (user_id !== undefined) discrepancy.userId = user_id
  if (currency != null) discrepancy.currency = currency
  if (snapshot_balance != null) discrepancy.snapshotBalance = BigInt(snapshot_balance)
  if (calculated_balance != null) discrepancy.calculatedBalance = BigInt(calculated_balance)
  if (at !== null) discrepancy.at = at
  return discrepancy
}

/** The answer of one call that recalculates the wallets of a tenant. */
export interface RecalculationOfAll {
  /** Wallets looked at by this call. */
  total: number
  /** Those of them that were wrong. */
  corrected: number
  /** The wallet to continue after. Null when none is left. */
  nextCursor: string | null
  /** Wallets that are left. */
  remaining: number
}
