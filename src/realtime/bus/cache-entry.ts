import type { WalletState } from '../../ledger/balance.ts'
import type { LedgerEvent } from '../../ledger/event.ts'
import { toDecimal } from '../../ledger/money.ts'
import { balanceKey, versionKey } from './keys.ts'

/** One balance on its way into the cache. */
export interface CacheEntry {
  /** The Redis keys of the balance and of its version. */
  value: string
  version: string
  seq: number
  /** Plain decimal. */
  text: string
}

export function cacheEntry(wallet: WalletState, defaultCurrency: string): CacheEntry {
  return entryAt(wallet, wallet.balance, versionKey(wallet, wallet.currency), defaultCurrency)
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
  return Array.from(newest, ([version, event]) =>
    entryAt(event, event.newBalance, version, defaultCurrency),
  )
}

/** @param place an event, or a wallet: as it is, for a copy of an event costs more than all of the rest */
function entryAt(
  place: Omit<WalletState, 'balance'>,
  balance: bigint,
  version: string,
  defaultCurrency: string,
): CacheEntry {
  const { currency, seq } = place
  const value = balanceKey(place, currency, defaultCurrency)
  return { value, version, seq, text: toDecimal(balance, currency) }
}
