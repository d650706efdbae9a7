import { formatMoney, subtract } from '../lib/money.ts'
import { formatCount } from '../lib/number.ts'
import type { Series, TypeTotals } from './analytics-answer.ts'
import { List, type ListProps } from './analytics-list.tsx'

type Amount = number | string
interface Sums {
  type: string
  status: string
  transactions: number
  volume: Amount
  net: Amount
  fees: Amount
  largest: Amount
  mostUsers: number
}

/** What the charts draw and what they do not: every type and status, over the whole range. */
export function Types({ api, asked, series }: ListProps & { series: Series }) {
  const { items, currency, bucket } = series
  const money = (amount: Amount, signed = false) => formatMoney(amount, currency, { signed })
  return (
    <List
      api={api}
      title="By type and status"
      list={{ value: series, loading: false, problem: undefined, reload: () => {} }}
      file={{ path: '/admin/analytics', name: 'analytics.csv', query: { ...asked } }}
      empty="There were no transactions."
      head={['What', 'Count', 'Volume', 'Net', 'Fees', 'Largest', `Most users in one ${bucket}`]}
      rows={sumsOf(
        items.flatMap(({ types }) => types),
        currency,
      ).map(({ type, status, transactions, volume, net, fees, largest, mostUsers }) => [
        `${type.replaceAll('_', ' ')}, ${status}`,
        formatCount(transactions),
        money(volume),
        money(net, true),
        money(fees, true),
        money(largest),
        formatCount(mostUsers),
      ])}
    />
  )
}

/** In the order in which a reader looks for them: by type, then by status. */
function sumsOf(all: readonly TypeTotals[], currency: string): Sums[] {
  const add = (a: Amount, b: Amount) => subtract(a, subtract(0, b, currency), currency)
  const sums = new Map<string, Sums>()
  for (const { type, status, users, ...one } of all) {
    const key = `${type} ${status}`
    const sum = sums.get(key)
    sums.set(key, {
      ...{ type, status },
      transactions: one.transactions + (sum?.transactions ?? 0),
      volume: add(one.volume, sum?.volume ?? 0),
      net: add(one.net, sum?.net ?? 0),
      fees: add(one.fees, sum?.fees ?? 0),
      largest: Number(one.largest) > Number(sum?.largest ?? 0) ? one.largest : (sum?.largest ?? 0),
      // A user of two buckets counts once in the range, so that the buckets cannot be added up.
      mostUsers: Math.max(users, sum?.mostUsers ?? 0),
    })
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum)
}
