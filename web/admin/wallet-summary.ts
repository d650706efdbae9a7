/** One item of `GET /admin/wallets`. */
export interface WalletSummary {
  userId: string
  currency: string
  balance: number
  held: number
  available: number
  updatedAt: string
}

export interface WalletPage {
  items: WalletSummary[]
  nextCursor: string | null
}
