import type { WalletState } from '../ledger/balance.ts'
import type { LedgerEvent } from '../ledger/event.ts'
import { toDecimal } from '../ledger/money.ts'
import { balanceKey, type CacheKeys, cacheKeys, versionKey } from './keys.ts'

/** One balance on its way into the cache. */
export interface CacheEntry extends CacheKeys {
  seq: number
  /** Plain decimal. */
  text: string
}

export function cacheEntry(wallet: WalletState, defaultCurrency: string): CacheEntry {
  return {
    ...cacheKeys(wallet, wallet.currency, defaultCurrency),
    seq: wallet.seq,
    text: toDecimal(wallet.balance, wallet.currency),
  }
}

/** The newest balance of each wallet that the events touch. */
export function newestEntries(
  events: readonly LedgerEvent[],
  defaultCurrency: string,
): CacheEntry[] {
  const newest = new Map<string, LedgerEvent>()
  for (const event of events) {
    const version = versionKey(event, event.currency)
    const held = newest.get(version)
    if (!held || held.seq < event.seq) newest.set(version, event)
  }
  return Array.from(newest, ([version, event]) => ({
    value: balanceKey(event, event.currency, defaultCurrency),
    version,
    seq: event.seq,
    text: toDecimal(event.newBalance, event.currency),
  }))
}
