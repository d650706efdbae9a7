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

/** What an admin sees of everyone, and of the ledger's own state. */
export interface Overview {
  wallets(query: WalletQuery): Promise<{ items: WalletSummary[]; nextCursor: string | null }>
  /**
   * What is committed and not known to be published: rows, counted up to 10,000, and the age of the
   * oldest in seconds (0 without any).
   */
  backlog(): Promise<{ rows: number; oldestSeconds: number }>
}
