import type { UserRef } from './event.ts'

/** A wallet in one currency. Amounts in minor units. */
export interface Balance {
  balance: bigint
  /** Promised to open holds and withdrawals; `balance - held` can be spent. */
  held: bigint
  currency: string
  /** The user's newest event when this was read: what has a smaller seq is already counted in. */
  seq: number
  updatedAt: string
}

/** What a user has in every currency that they ever had something in. */
export interface Balances {
  items: Balance[]
  /** The user's newest event when this was read. */
  seq: number
}

/** A row of `balance_snapshots`: a wallet's balance in one currency as of its newest entry. */
export interface Snapshot extends UserRef {
  currency: string
  /** Minor units. */
  balance: bigint
  held: bigint
  /** The number of entries behind it. */
  version: number
  /** ISO 8601. */
  createdAt: string
  updatedAt: string
}

/** One wallet in one currency, as the cache holds it. `balance` in minor units, true at `seq`. */
export interface WalletState extends UserRef {
  currency: string
  balance: bigint
  seq: number
}
