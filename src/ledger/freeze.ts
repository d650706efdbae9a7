/** What is frozen of a wallet. */
export interface Freeze {
  /** No money leaves the wallet. */
  debits: boolean
  /** No money comes to it. */
  credits: boolean
}

/** A change of what is frozen, and the last one made it so. */
export interface FreezeChange extends Freeze {
  /** Of the event that told the user. */
  seq: number
  reason: string | null
  changedBy: string
  /** ISO 8601. */
  changedAt: string
}

/** Newest first. The first one says what is frozen now. */
export type FreezeHistory = FreezeChange[]
