import type { UserRef } from './event.ts'
import type { Claim } from './idempotency-store.ts'

/** Amounts in minor units of `currency`. */
export interface Verification {
  currency: string
  snapshotBalance: bigint
  /** The sum of the wallet's entries. */
  calculatedBalance: bigint
  isAccurate: boolean
}

/** A wallet that does not add up (`userId` is set), or something of the ledger as a whole. */
export interface Discrepancy {
  userId?: string
  currency?: string
  /** What was found, in words fit for an admin: "snapshot differs from the sum of entries". */
  problem: string
  snapshotBalance?: bigint
  calculatedBalance?: bigint
  /** The entry or transaction where it shows first, where there is one. */
  at?: string
}

export interface Audit {
  /** Wallets, one per user and currency. */
  total: number
  accurate: number
  inaccurate: number
  /** The first 1,000 of them. */
  discrepancies: Discrepancy[]
  /** All debits and all credits of the tenant, in minor units: equal in a sound ledger. */
  ledger: { currency: string; debits: bigint; credits: bigint }[]
  /** Entries counted. */
  entries: number
}

/** Amounts in minor units. */
export interface Recalculation {
  previousBalance: bigint
  newBalance: bigint
  /** The snapshot was wrong: its balance, what is held, or the newest entry that it names. */
  corrected: boolean
}

/** Which wallets of the tenant: at most `limit` (default all) after `cursor` (default the first). */
export interface RecalculationStretch {
  cursor?: string
  limit?: number
}

export interface RecalculationOfAll {
  /** Wallets looked at by this call. */
  total: number
  /** Those of them that were wrong. */
  corrected: number
  /** Where to go on; null when none is left. */
  nextCursor: string | null
  /** Wallets that are left. */
  remaining: number
}

/**
 * Called before the first step of an audit and after each, with the steps done and the steps in all. What it
 * throws ends the audit.
 */
export type AuditProgress = (done: number, of: number) => void

/** Proof that the books are right, and the repair of a snapshot that is not. */
export interface Auditor {
  /** Undefined: this user has no wallet in this currency. */
  verify(who: UserRef, currency: string): Promise<Verification | undefined>
  audit(tenant: string, onStep?: AuditProgress): Promise<Audit>
  /**
   * Rebuilds the snapshot from the entries under the wallet's lock, refreshes the cache and tells the
   * clients, also when nothing had to change. Undefined: no such wallet.
   * @param claim its key's answer, a `Recalculation` with its amounts as text, is kept in the same transaction
   */
  recalculate(who: UserRef, currency: string, claim?: Claim): Promise<Recalculation | undefined>
  /** `recalculate` for every wallet of the tenant that is wrong; the cache is refreshed for the others too. */
  recalculateAll(tenant: string, stretch?: RecalculationStretch): Promise<RecalculationOfAll>
}
