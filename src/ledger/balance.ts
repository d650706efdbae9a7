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

/** A balance over time: `points` moments at equal distances. */
export interface SeriesQuery {
  /** ISO 8601. Without it: the wallet's first entry, and now. */
  from?: string
  to?: string
  points: number
}

/** A balance as it stood at an instant (ISO 8601), in minor units. */
export interface BalanceAt {
  at: string
  balance: bigint
}

/** Which wallets of a tenant, by user id; `search` is a part of it, in any case of letters. */
export interface WalletQuery {
  tenant: string
  currency: string
  search?: string
  /** The `nextCursor` of the page before. */
  cursor?: string
  limit: number
}

/** A user and what they have in one currency: minor units, zeros before the first entry. */
export interface WalletSummary {
  userId: string
  currency: string
  balance: bigint
  held: bigint
  /** Every currency that they ever had something in, by its code. */
  balances: { currency: string; balance: bigint; held: bigint }[]
  /** ISO 8601, of the newest change. */
  updatedAt: string
}
