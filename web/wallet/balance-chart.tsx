import { useEffect, useState } from 'preact/hooks'
import type { BalanceClient } from '../../src/client/index.ts'
import { Empty, Failure, Loading } from '../components/states.tsx'
import { useLoaded } from '../hooks/use-loaded.ts'
import type { Api } from '../lib/api.ts'
import { words } from '../lib/language.ts'
import { formatMoney } from '../lib/money.ts'
import { fullTime, shortTime, span } from '../lib/time.ts'
import { balanceAt, changesOf, cut, type Point, path, scaleOf } from './balance-line.ts'

const HOUR_MS = 3_600_000

/** The length of each range. `all` starts at the first entry. */
const RANGES_MS = {
  hour: HOUR_MS,
  day: 24 * HOUR_MS,
  week: 7 * 24 * HOUR_MS,
  month: 30 * 24 * HOUR_MS,
  all: undefined,
} as const
type Range = keyof typeof RANGES_MS

/** The number of values of a range that the page requests. */
const POINTS = 145

const WIDTH = 600
const HEIGHT = 160

interface ChartProps {
  api: Api
  client: BalanceClient
  currency: string
}

interface Series {
  items: { at: string; balance: number }[]
}

/** The balance over time. New changes are added as they happen. */
export function BalanceChart({ api, client, currency }: ChartProps) {
  const { chart: text } = words()
  const [range, setRange] = useState<Range>('day')
  const history = useLoaded(
    async (signal) => {
      const back = RANGES_MS[range]
      const from = back && new Date(Date.now() - back).toISOString()
      const query = { currency, points: POINTS, from }
      const { items } = await api.get<Series>('/transactions/balance/series', query, signal)
      return items.map(({ at, balance }): Point => ({ time: Date.parse(at), balance }))
    },
    [api, currency, range],
  )
  const { reload } = history
  const [lately, setLately] = useState<Point[]>([])
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    let count = 0
    const stops = [
      client.on('balance_updated', ({ newBalance: balance, timestamp, ...event }) => {
        if (event.currency !== currency) return
        setNow(Date.now())
        setLately((points) => [
          ...points.slice(1 - POINTS),
          { time: Date.parse(timestamp), balance },
        ])
        // The history then has what is dropped.
        count += 1
        if (count % POINTS === 0) reload()
      }),
      // Events may be missing, so the history is read again.
      client.on('balance_initial', ({ recovered }) => {
        if (recovered === false) reload()
      }),
    ]
    const timer = setInterval(() => setNow(Date.now()), 30_000)
    return () => {
      clearInterval(timer)
      for (const stop of stops) stop()
    }
  }, [client, currency, reload])

  const known = history.value ?? []
  const newest = known.at(-1)?.time ?? 0
  const news = lately.filter(({ time }) => time > newest)
  const first = known[0] ?? (history.value && news[0] && { time: news[0].time - 1, balance: 0 })
  const points = first ? [first, ...known.slice(1), ...news] : []
  const to = Math.max(now, points.at(-1)?.time ?? 0)
  const back = RANGES_MS[range]
  const from = first ? Math.max(first.time, back === undefined ? 0 : to - back) : to
  const line = cut(points, Math.min(from, to - 60_000), to)

  return (
    <figure class="chart-card">
      <div class="card-head">
        <h3>{text.title}</h3>
        <fieldset class="segments">
          <legend class="sr-only">{text.range}</legend>
          {(Object.keys(RANGES_MS) as Range[]).map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={name === range}
              onClick={() => setRange(name)}
            >
              {text[name]}
            </button>
          ))}
        </fieldset>
      </div>
      {history.problem !== undefined && <Failure problem={history.problem} retry={reload} />}
      {history.loading && points.length === 0 && <Loading what={text.reading} lines={3} />}
      {history.value && points.length === 0 && <Empty title={text.emptyTitle}>{text.empty}</Empty>}
      {line.length > 0 && <Line line={line} currency={currency} />}
      {known.length > 1 && (
        <figcaption class="small soft">
          {text.resolution(span((newest - (known[0]?.time ?? 0)) / 1000 / (known.length - 1)))}
        </figcaption>
      )}
    </figure>
  )
}

function Line({ line, currency }: { line: Point[]; currency: string }) {
  const [at, setAt] = useState<number>()
  const { chart: text } = words()
  const scale = scaleOf(line)
  const top = scale.at(-1) ?? 1
  const start = line[0]?.time ?? 0
  const end = line.at(-1)?.time ?? 1
  const money = (amount: number) => formatMoney(amount, currency)
  const balances = line.map(({ balance }) => balance)
  const [low, high] = [Math.min(...balances), Math.max(...balances)]
  const moment = Math.min(end, Math.max(start, at ?? end))
  const share = (moment - start) / (end - start || 1)
  const said = `${money(balanceAt(line, moment) ?? 0)} · ${shortTime(moment)}`

  const turn = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1 }[event.key]
    if (step === undefined && event.key !== 'Home' && event.key !== 'End') return
    event.preventDefault()
    if (event.key === 'Home') return setAt(start)
    if (event.key === 'End') return setAt(end)
    const times = changesOf(line).map(({ time }) => time)
    const next =
      step === 1 ? times.find((time) => time > moment) : times.findLast((time) => time < moment)
    if (next !== undefined) setAt(next)
  }

  return (
    <>
      <div class="plot">
        <div class="axis" aria-hidden="true">
          {scale.map((value) => (
            <span key={value} style={{ bottom: `${(value / top) * 100}%` }}>
              {money(value)}
            </span>
          ))}
          {/* Gives the axis its width, because the labels are positioned absolutely. */}
          <span class="room">{money(top)}</span>
        </div>
        <div
          class="chart"
          role="slider"
          tabIndex={0}
          aria-label={text.label(money(low), money(high))}
          aria-orientation="horizontal"
          aria-valuemin={start}
          aria-valuemax={end}
          aria-valuenow={moment}
          aria-valuetext={said}
          onKeyDown={turn}
          onFocus={() => setAt((at) => at ?? end)}
          onBlur={() => setAt(undefined)}
          onPointerMove={(event) => {
            const box = event.currentTarget.getBoundingClientRect()
            setAt(
              start +
                Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * (end - start),
            )
          }}
          onPointerLeave={() => setAt(undefined)}
        >
          <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
            {scale.map((value) => {
              const y = HEIGHT - (value / top) * HEIGHT
              return <line key={value} class="grid-line" x1="0" x2={WIDTH} y1={y} y2={y} />
            })}
            <path class="area" d={`${path(line, top, WIDTH, HEIGHT)}V${HEIGHT}H0Z`} />
            <path class="line" d={path(line, top, WIDTH, HEIGHT)} />
          </svg>
          {at !== undefined && (
            <>
              <span class="cursor" style={{ left: `${share * 100}%` }} />
              <span class="tip" style={{ left: `${Math.min(82, Math.max(18, share * 100))}%` }}>
                {said}
              </span>
            </>
          )}
        </div>
        <p class="scale" aria-hidden="true">
          <span>{shortTime(start)}</span>
          <span class="middle">{shortTime((start + end) / 2)}</span>
          <span>{text.now}</span>
        </p>
      </div>
      <details class="values">
        <summary>{text.table}</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard */}
        <section class="rows" tabIndex={0} aria-label={text.title}>
          <table class="table">
            <thead>
              <tr>
                <th scope="col">{text.from}</th>
                <th scope="col" class="right">
                  {text.balance}
                </th>
              </tr>
            </thead>
            <tbody>
              {changesOf(line)
                .slice(0, -1)
                .reverse()
                .map(({ time, balance }) => (
                  <tr key={time}>
                    <td>{fullTime(new Date(time).toISOString())}</td>
                    <td class="right money">{money(balance)}</td>
                  </tr>
                ))}
            </tbody>
          </table>
        </section>
      </details>
    </>
  )
}
