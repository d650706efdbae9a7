import { useState } from 'preact/hooks'
import { SelectField } from '../components/fields.tsx'
import { useLoaded } from '../hooks/use-loaded.ts'
import { formatCount, formatPercent } from '../lib/number.ts'
import { List, type ListProps } from './analytics-list.tsx'

interface Cohort {
  /** The first day of the month or week. */
  cohort: string
  users: number
  periods: { from: string; active: number }[]
}

const DAY_MS = 86_400_000

/** How many months or weeks after the cohort's own one a period is. */
function distance(cohort: string, period: string, unit: string): number {
  const [from, to] = [new Date(cohort), new Date(period)]
  if (unit === 'week') return Math.round((to.getTime() - from.getTime()) / (7 * DAY_MS))
  const months = (date: Date) => date.getUTCFullYear() * 12 + date.getUTCMonth()
  return months(to) - months(from)
}

/** Users by their first topup, and how many of them were active in the months or weeks after. */
export function Cohorts({ api, asked }: ListProps) {
  const [period, setPeriod] = useState('month')
  const { from, to, currency } = asked
  const query = { from, to, currency, period }
  const list = useLoaded(
    (signal) => api.get<{ items: Cohort[] }>('/admin/analytics/cohorts', query, signal),
    [api, asked, period],
  )
  const cohorts = (list.value?.items ?? []).map(({ cohort, users, periods }) => ({
    ...{ cohort, users },
    active: new Map(periods.map((one) => [distance(cohort, one.from, period), one.active])),
  }))
  const last = Math.max(0, ...cohorts.flatMap(({ active }) => [...active.keys()]))
  const after = Array.from({ length: last + 1 }, (_, i) => i)
  return (
    <List
      api={api}
      title="Cohorts by first topup"
      list={list}
      file={{ path: '/admin/analytics/cohorts', name: 'cohorts.csv', query }}
      empty="Nobody had a first topup."
      head={['First topup', 'Users', ...after.map((n) => (n === 0 ? 'Active' : `+${n}`))]}
      choice={
        <SelectField
          label="By the"
          options={[
            ['month', 'Month'],
            ['week', 'Week'],
          ]}
          value={period}
          onChange={setPeriod}
        />
      }
      rows={cohorts.map(({ cohort, users, active }) => [
        period === 'month' ? cohort.slice(0, 7) : cohort,
        formatCount(users),
        ...after.map((n) => {
          const count = active.get(n)
          return count === undefined
            ? ''
            : `${formatCount(count)} (${formatPercent(count / users)})`
        }),
      ])}
    />
  )
}
