/** A user's money in one currency. */
export interface Holding {
  currency: string
  balance: number
  held: number
  available: number
}

/** The holdings to show: a user without any has zero of the server's currency. */
export function shownOf(holdings: readonly Holding[], currency: string): readonly Holding[] {
  return holdings.length > 0 ? holdings : [{ currency, balance: 0, held: 0, available: 0 }]
}

/** One item of `GET /admin/wallets`. */
export interface WalletSummary {
  userId: string
  currency: string
  balance: number
  held: number
  available: number
  balances: Holding[]
  updatedAt: string
}

export interface WalletPage {
  items: WalletSummary[]
  nextCursor: string | null
}
