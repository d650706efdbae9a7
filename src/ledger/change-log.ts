import type { WalletState } from './balance.ts'

/** For a cache that may have gone back in time with its Redis. */
export interface ChangeLog {
  /**
   * The wallets (per currency) whose balance changed within the last `withinSeconds`, at most `limit`
   * after `cursor` (null: from the start), in a fixed order. `next` is null on the last page.
   */
  changedWithin(
    withinSeconds: number,
    cursor: string | null,
    limit: number,
  ): Promise<{ wallets: WalletState[]; next: string | null }>
}
