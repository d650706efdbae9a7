import type { TransactionStatus, TransactionType } from './command.ts'

/** Upper ends in seconds of the bins of waiting times. One more bin takes what is above. See analytics_waits(). */
export const WAIT_BOUNDS: readonly number[] = [
  ...[60, 300, 900, 3_600, 14_400, 86_400, 259_200, 604_800],
]

export type BucketSize = 'hour' | 'day'

/** A range of time in hours or days of a time zone. `from` and `to` are ISO 8601 times. */
export interface Range {
  tenant: string
  from: string
  to: string
  bucket: BucketSize
  /** An IANA name. */
  timeZone: string
}

/** What was done in one bucket by one type and status. Amounts in minor units. */
export interface TypeTotals {
  type: TransactionType
  /** `pending`: money was set aside by a hold or a withdrawal. */
  status: TransactionStatus
  transactions: number
  volume: bigint
  /** What it added to the balances. */
  net: bigint
  fees: bigint
  largest: bigint
  users: number
  /** Of topups and withdrawals: how long they waited for the decision. */
  waits: { averageSeconds: number; counts: number[] } | undefined
}

export interface Bucket {
  from: string
  to: string
  /** With an entry. */
  users: number
  /** The sum of all balances at its end, and how much of it is held. */
  balance: bigint
  held: bigint
  types: TypeTotals[]
}

/** A count that leaves no row in the ledger. */
export interface Counted {
  /** The first time of the bucket. */
  from: string
  to: string
  label: string
  count: number
  /** In minor units. */
  amount: bigint
}

export interface Mover {
  userId: string
  /** Amounts in minor units. */
  change: bigint
  volume: bigint
  balance: bigint
  transactions: number
  /** Where the next page goes on. */
  place: string
}

export interface WalletActivity {
  userId: string
  /** ISO 8601. Of entries in any currency. */
  firstEntryAt: string
  lastEntryAt: string
  /** In minor units. */
  balance: bigint
  place: string
}

export interface CohortPeriod {
  /** The first day of the month or week. */
  cohort: string
  /** Wallets with their first topup in it. */
  size: number
  /** Null: none of them did anything. */
  period: string | null
  users: number
  volume: bigint
}

export interface RollUpState {
  /** What was published before it is in the roll-ups. Null before they are built. */
  asOf: string | null
  ageSeconds: number | null
  isBuilding: boolean
}
