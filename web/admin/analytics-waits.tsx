import { formatCount } from '../lib/number.ts'
import { span } from '../lib/time.ts'
import type { Series } from './analytics-answer.ts'
import { List, type ListProps } from './analytics-list.tsx'

const COLUMNS = ['topup', 'withdrawal'] as const

/** How long topups and withdrawals waited for their decision. */
export function Waits({ api, asked, series }: ListProps & { series: Series }) {
  const columns = COLUMNS.map((type) => {
    const all = series.items.flatMap(({ types }) =>
      types.flatMap((one) => (one.type === type && one.waits ? [one.waits] : [])),
    )
    const counts = [...series.waitBounds, 0].map((_, bin) =>
      all.reduce((sum, waits) => sum + (waits.counts[bin] ?? 0), 0),
    )
    const decided = counts.reduce((sum, count) => sum + count, 0)
    const seconds = all.reduce(
      (sum, waits) => sum + waits.averageSeconds * waits.counts.reduce((all, n) => all + n, 0),
      0,
    )
    return { counts, decided, mean: decided === 0 ? '–' : span(seconds / decided) }
  })
  const bins = [...series.waitBounds.map((bound) => `Up to ${span(bound)}`), 'Longer']
  const isEmpty = columns.every(({ decided }) => decided === 0)
  return (
    <List
      api={api}
      title="Time until the decision"
      list={{ value: series, loading: false, problem: undefined, reload: () => {} }}
      file={{ path: '/admin/analytics', name: 'analytics.csv', query: { ...asked } }}
      empty="Nothing was decided."
      head={['Waited', 'Topups', 'Withdrawals']}
      rows={
        isEmpty
          ? []
          : [
              ...bins.map((name, bin) => [
                name,
                ...columns.map(({ counts }) => formatCount(counts[bin] ?? 0)),
              ]),
              ['On average', ...columns.map(({ mean }) => mean)],
            ]
      }
    />
  )
}
