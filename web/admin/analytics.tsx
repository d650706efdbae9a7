import { useMemo, useState } from 'preact/hooks'
import { CURRENCIES } from '../../src/lib/currencies.ts'
import { Button } from '../components/button.tsx'
import { SelectField } from '../components/fields.tsx'
import { Figure } from '../components/figure.tsx'
import type { PageProps } from '../components/start.tsx'
import { Failure, Loading } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useLoaded } from '../hooks/use-loaded.ts'
import { formatMoney } from '../lib/money.ts'
import { formatCount } from '../lib/number.ts'
import { saveFile } from '../lib/save-file.ts'
import { shortTime } from '../lib/time.ts'
import { useQueryState } from './address.ts'
import {
  type Bucket,
  DEFAULTS,
  labelsOf,
  ownZone,
  queryOf,
  RANGES,
  type Series,
  shortNumber,
} from './analytics-answer.ts'
import { Chart, type Line } from './analytics-chart.tsx'
import { Cohorts } from './analytics-cohorts.tsx'
import { Dormant, Movers, NewWallets, Refusals } from './analytics-lists.tsx'
import { Types } from './analytics-types.tsx'
import { Updates } from './analytics-updates.tsx'
import { Waits } from './analytics-waits.tsx'

/** What the tenant's users did, as charts with tables, and the lists beside them. */
export function Analytics({ api, currency: usual }: PageProps) {
  const [chosen, change] = useQueryState(DEFAULTS)
  const [now, setNow] = useState(() => Date.now())
  const currency = CURRENCIES.has(chosen.currency) ? chosen.currency : usual
  const { days, bucket, zone } = chosen
  const query = useMemo(() => queryOf({ days, bucket, zone }, now), [days, bucket, zone, now])
  const asked = useMemo(() => ({ ...query, currency }), [query, currency])
  const series = useLoaded(
    (signal) => api.get<Series>('/admin/analytics', asked, signal),
    [api, asked],
  )
  const saving = useAction(async () =>
    saveFile(await api.file('/admin/analytics', { ...asked, format: 'csv' }), 'analytics.csv'),
  )
  const zones = [...new Set([ownZone(), 'UTC', ...(zone === '' ? [] : [zone])])]
  return (
    <div class="stack">
      <div class="title-row">
        <div>
          <h1>Analytics</h1>
          <p class="soft">
            Right to the cent.{series.value && ` As of ${shortTime(series.value.asOf)}.`}
          </p>
        </div>
        <div class="actions">
          <Button kind="quiet" busy={series.loading} onClick={() => setNow(Date.now())}>
            Refresh
          </Button>
          <Button kind="quiet" busy={saving.busy} onClick={() => void saving.run()}>
            Download CSV
          </Button>
        </div>
      </div>
      <div class="filters">
        <SelectField
          label="Range"
          options={RANGES}
          value={days}
          onChange={(days) => change({ days })}
        />
        <SelectField
          label="By"
          options={[
            ['day', 'Day'],
            ['hour', 'Hour'],
          ]}
          value={query.bucket}
          onChange={(bucket) => change({ bucket })}
        />
        <SelectField
          label="Currency"
          options={[usual, ...[...CURRENCIES.keys()].filter((code) => code !== usual).sort()].map(
            (code) => [code, code] as const,
          )}
          value={currency}
          onChange={(code) => change({ currency: code === usual ? '' : code })}
        />
        <SelectField
          label="Time zone"
          options={zones.map((name) => [name, name.replaceAll('_', ' ')] as const)}
          value={query.timeZone}
          onChange={(name) => change({ zone: name === ownZone() ? '' : name })}
        />
      </div>
      {saving.problem !== undefined && <Failure problem={saving.problem} aside />}
      {series.problem !== undefined && <Failure problem={series.problem} retry={series.reload} />}
      {!series.value && series.loading && <Loading what="Reading the figures" lines={8} />}
      {series.value && <Charts series={series.value} />}
      {series.value && <Types api={api} asked={asked} series={series.value} />}
      <div class="tiles wide">
        <Movers api={api} asked={asked} />
        <Refusals api={api} asked={asked} />
        {series.value && <Waits api={api} asked={asked} series={series.value} />}
        <NewWallets api={api} asked={asked} />
        <Dormant api={api} asked={asked} />
      </div>
      <Cohorts api={api} asked={asked} />
      {series.value && <Updates api={api} asked={asked} series={series.value} />}
    </div>
  )
}

/** The types whose amounts are drawn. */
const DRAWN = [
  ['Topups', 'topup', '--accent'],
  ['Payments', 'booking_payment', '--chart-second'],
  ['Refunds', 'refund', '--wait'],
  ['Withdrawals', 'withdrawal', '--loss'],
] as const

const volumeOf = ({ types }: Bucket, type: string) =>
  types.find((one) => one.type === type && one.status === 'success')?.volume ?? 0

function Charts({ series }: { series: Series }) {
  const { items, currency, timeZone } = series
  const money = (amount: number) => formatMoney(amount, currency)
  // The charts are drawn anew when these change.
  const drawn = useMemo(() => {
    const money = (amount: number) => formatMoney(amount, series.currency)
    const { items } = series
    const line = (
      name: string,
      colour: string,
      amounts: readonly number[],
      text: (amount: number) => string,
      fills = false,
    ): Line => ({
      ...{ name, colour, fills, texts: amounts.map(text) },
      // A chart needs no more digits than a double has.
      values: amounts.map(Number),
    })
    return {
      times: items.map(({ from }) => from),
      labels: labelsOf(series),
      volume: DRAWN.map(([name, type, colour]) =>
        line(
          name,
          colour,
          items.map((one) => volumeOf(one, type)),
          money,
        ),
      ),
      balances: [
        line(
          'All balances',
          '--accent',
          items.map(({ balance }) => balance),
          money,
          true,
        ),
        line(
          'Held of it',
          '--wait',
          items.map(({ held }) => held),
          money,
        ),
      ],
      users: [
        {
          ...{ name: 'Users', colour: '--accent', fills: true },
          values: items.map(({ users }) => users),
          texts: items.map(({ users }) => formatCount(users)),
        },
      ],
    }
  }, [series])
  const last = items.at(-1)
  const common = { times: drawn.times, labels: drawn.labels, timeZone, short: shortNumber }
  return (
    <>
      {last && (
        <dl class="figures">
          <Figure name="All balances" value={money(last.balance)} />
          <Figure name="Held of it" value={money(last.held)} />
          <Figure name="Users in the last bucket" value={formatCount(last.users)} />
        </dl>
      )}
      <Chart {...common} title="Amounts" lines={drawn.volume} />
      <Chart {...common} title="Balances at the end" lines={drawn.balances} />
      <Chart {...common} title="Users with an entry" lines={drawn.users} isWhole />
    </>
  )
}
