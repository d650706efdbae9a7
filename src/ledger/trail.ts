import type { Transaction } from './command.ts'
import type { LedgerEvent } from './event.ts'

/** One side of an entry: a user's wallet, or an account of the house. */
export interface EntryAccount {
  kind: string
  userId: string | null
}

/** A posting, with its place in the account's chain. Amounts are minor units. */
export interface TrailEntry {
  version: number
  debit: EntryAccount
  credit: EntryAccount
  amount: bigint
  previousBalance: bigint
  newBalance: bigint
  createdAt: string
  hash: string
  /** It is the hash of this entry and of the hash before it. */
  fits: boolean
}

export interface TrailEvent {
  seq: number
  event: LedgerEvent['event']
  newBalance: bigint
  createdAt: string
}

/** What the ledger knows of a transaction. */
export interface Trail {
  transaction: Transaction
  createdBy: string
  entries: TrailEntry[]
  /** Those that are still kept. */
  events: TrailEvent[]
  /** Transactions that refer to it, and the one that it refers to; newest first. */
  related: Transaction[]
}
