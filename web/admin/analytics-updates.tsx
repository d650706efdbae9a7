import { useMemo } from 'preact/hooks'
import { useLoaded } from '../hooks/use-loaded.ts'
import { formatCount } from '../lib/number.ts'
import { labelsOf, type Series, shortNumber } from './analytics-answer.ts'
import { Chart, type Line } from './analytics-chart.tsx'
import { List, type ListProps } from './analytics-list.tsx'

interface Update {
  from: string
  transport: string
  events: number
  connections: number
}

const COLOURS = ['--accent', '--chart-second', '--wait', '--loss']

/** Events and connections of each hour or day, by transport: when users look, and by what. */
export function Updates({ api, asked, series }: ListProps & { series: Series }) {
  const { currency: _, ...query } = asked
  const path = '/admin/analytics/updates'
  const list = useLoaded(
    (signal) => api.get<{ items: Update[] }>(path, query, signal),
    [api, asked],
  )
  const items = list.value?.items
  const transports = useMemo(
    () => [...new Set((items ?? []).map(({ transport }) => transport))].sort(),
    [items],
  )
  const drawn = useMemo(() => {
    const times = series.items.map(({ from }) => from)
    const linesOf = (what: 'events' | 'connections') =>
      transports.map((transport, i): Line => {
        const at = new Map(
          (items ?? [])
            .filter((one) => one.transport === transport)
            .map((one) => [one.from, one[what]]),
        )
        const values = times.map((time) => at.get(time) ?? 0)
        return {
          ...{ name: transport, colour: COLOURS[i % COLOURS.length] as string, values },
          texts: values.map(formatCount),
        }
      })
    return {
      common: { times, labels: labelsOf(series), timeZone: series.timeZone, short: shortNumber },
      events: linesOf('events'),
      connections: linesOf('connections'),
    }
  }, [series, items, transports])
  const sum = (transport: string, what: 'events' | 'connections') =>
    (items ?? [])
      .filter((one) => one.transport === transport)
      .reduce((sum, one) => sum + one[what], 0)
  return (
    <>
      {transports.length > 0 && (
        <div class="tiles wide">
          <Chart
            {...drawn.common}
            title="Events that reached a screen"
            lines={drawn.events}
            isWhole
          />
          <Chart {...drawn.common} title="Connections opened" lines={drawn.connections} isWhole />
        </div>
      )}
      <List
        api={api}
        title="Live updates"
        list={list}
        file={{ path, name: 'updates.csv', query }}
        empty="Nobody was connected."
        head={['Transport', 'Connections', 'Events']}
        rows={transports.map((transport) => [
          transport,
          formatCount(sum(transport, 'connections')),
          formatCount(sum(transport, 'events')),
        ])}
      />
    </>
  )
}
