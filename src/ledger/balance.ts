import type { LimitedType } from './command.ts'
import type { Frozen, UserRef } from './event.ts'

/** A wallet in one currency. Amounts in minor units. */
export interface Balance {
  balance: bigint
  /** The sum of open holds and withdrawals. `balance - held` is available. */
  held: bigint
  currency: string
  /** The user's newest event when this was read. The balance includes all events up to it. */
  seq: number
  /** What an admin froze of the wallet, in every currency. */
  frozen?: Frozen
  updatedAt: string
}

/** A user's balances in every currency that they have ever used. */
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

/** One wallet in one currency, as in the cache: the balance in minor units as of `seq`. */
export interface WalletState extends UserRef {
  currency: string
  balance: bigint
  seq: number
}

/** A balance over time: `points` moments at equal distances. */
export interface SeriesQuery {
  /** ISO 8601. Default: from the wallet's first entry until now. */
  from?: string
  to?: string
  points: number
}

/** A balance as it stood at an instant (ISO 8601), in minor units. */
export interface BalanceAt {
  at: string
  balance: bigint
}

/** A debit that a user asks about. The amount is in minor units and positive. */
export interface AffordQuery {
  currency: string
  amount: bigint
  type: LimitedType
}

/** Whether the ledger would accept a debit now. */
export interface Affordable {
  /** The balance less the held amount, in minor units. */
  available: bigint
  /** Undefined: it would. `hold`: the balance is large enough, but too much of it is held. */
  reason?: 'frozen' | 'funds' | 'hold' | 'limit'
  /** ISO 8601: when holds have expired, or the limit's window has moved on, so far that it would. */
  freesAt?: string
}

/** Wallets of a tenant, in order of user id. `search` is a part of the id; case does not matter. */
export interface WalletQuery {
  tenant: string
  currency: string
  search?: string
  /** The `nextCursor` of the page before. */
  cursor?: string
  limit: number
}

/** A user's balance in one currency, in minor units. Zeros before the first entry. */
export interface WalletSummary {
  userId: string
  currency: string
  balance: bigint
  held: bigint
  /** Every currency that they have ever used, in order of its code. */
  balances: { currency: string; balance: bigint; held: bigint }[]
  /** What an admin froze of the wallet. */
  frozen?: Frozen
  /** ISO 8601, of the newest change. */
  updatedAt: string
}
