import type { BalanceEvent, BalanceUpdated } from '../../src/client/index.ts'

/** A merged event stands for these, of its currency and its range. */
const MERGED = ['balance_updated', 'transaction_completed', 'transaction_failed']

/**
 * The past events, newest first, and those that arrived, without what would be told twice: a merged event if the newest
 * page has all that it stands for, otherwise those of them that the page has.
 */
export function once(past: readonly BalanceEvent[], live: readonly BalanceEvent[]): BalanceEvent[] {
  const read = past[0]?.seq ?? 0
  const kept = live.filter((event) => (rangeOf(event)?.toSeq ?? Infinity) > read)
  const told = past.filter(
    ({ event, currency, seq }) =>
      !MERGED.includes(event) ||
      !kept.some((other) => {
        const range = rangeOf(other)
        return range && other.currency === currency && range.fromSeq <= seq && seq <= range.toSeq
      }),
  )
  return [...told, ...kept]
}

function rangeOf(event: BalanceEvent): { fromSeq: number; toSeq: number } | undefined {
  const { fromSeq, toSeq } = event as BalanceUpdated
  return fromSeq === undefined || toSeq === undefined ? undefined : { fromSeq, toSeq }
}
