import { useEffect, useState } from 'preact/hooks'
import type { BalanceClient } from '../../src/client/index.ts'
import type { Api } from '../parts/api.ts'
import { formatMoney } from '../parts/money.ts'
import { Empty, Failure, Loading } from '../parts/states.tsx'
import { shortTime } from '../parts/time.ts'
import type { Page, Transaction } from '../parts/transaction.ts'
import { useLoaded } from '../parts/use-loaded.ts'
import { balanceAt, bounds, cut, type Point, path, pointsOf } from './balance-line.ts'

const HOUR = 3_600_000

/** How far back, in milliseconds; `all` goes as far as was read. */
const RANGES = {
  Hour: HOUR,
  Day: 24 * HOUR,
  Week: 7 * 24 * HOUR,
  Month: 30 * 24 * HOUR,
  All: Number.POSITIVE_INFINITY,
} as const
type Range = keyof typeof RANGES

/** Pages of 100 transactions that are read at most: further back lies beyond this picture. */
const MOST_PAGES = 5

const WIDTH = 600
const HEIGHT = 160

interface ChartProps {
  api: Api
  client: BalanceClient
  currency: string
}

/** The balance over time, growing as it changes. */
export function BalanceChart({ api, client, currency }: ChartProps) {
  const [range, setRange] = useState<Range>('Day')
  const history = useLoaded((signal) => readHistory(api, currency, signal), [api, currency])
  const { reload } = history
  const [lately, setLately] = useState<Point[]>([])
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const stops = [
      client.on('balance_updated', ({ newBalance, previousBalance, timestamp, ...event }) => {
        if (event.currency !== currency) return
        setNow(Date.now())
        const time = Date.parse(timestamp)
        setLately((points) => [
          ...points,
          { time: time - 1, balance: previousBalance },
          { time, balance: newBalance },
        ])
      }),
      // Something may be missing: the statement knows.
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
  const points = [...known, ...lately.filter(({ time }) => time > newest)]
  const first = points[0]?.time ?? now
  const from = Math.max(now - RANGES[range], Math.min(first, now - 60_000))
  const line = cut(points, from, Math.max(now, points.at(-1)?.time ?? 0))

  return (
    <figure class="chart-card">
      <div class="card-head">
        <h3>Balance over time</h3>
        <fieldset class="segments">
          <legend class="sr-only">How far back</legend>
          {(Object.keys(RANGES) as Range[]).map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={name === range}
              onClick={() => setRange(name)}
            >
              {name}
            </button>
          ))}
        </fieldset>
      </div>
      {history.problem !== undefined && <Failure problem={history.problem} retry={reload} />}
      {history.loading && points.length === 0 && <Loading what="Reading the history" lines={3} />}
      {!history.loading && points.length === 0 && (
        <Empty title="No history yet">The line begins with your first topup.</Empty>
      )}
      {line.length > 0 && <Line line={line} currency={currency} />}
    </figure>
  )
}

function Line({ line, currency }: { line: Point[]; currency: string }) {
  const [at, setAt] = useState<number>()
  const range = bounds(line)
  const drawn = path(line, range, WIDTH, HEIGHT)
  const start = line[0]?.time ?? 0
  const end = line.at(-1)?.time ?? 1
  const money = (amount: number) => formatMoney(amount, currency)
  const balances = line.map(({ balance }) => balance)
  const low = Math.min(...balances)
  const high = Math.max(...balances)
  const share = at === undefined ? undefined : (at - start) / (end - start)
  const shown = at === undefined ? undefined : balanceAt(line, at)
  const y = (balance: number) => (1 - (balance - range.low) / (range.high - range.low)) * 100

  return (
    <>
      <div
        class="chart"
        onPointerMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect()
          const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))
          setAt(start + share * (end - start))
        }}
        onPointerLeave={() => setAt(undefined)}
      >
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`From ${money(balances[0] ?? 0)} to ${money(balances.at(-1) ?? 0)}; lowest ${money(low)}, highest ${money(high)}.`}
        >
          {[...new Set([low, high])].map((balance) => (
            <line
              key={balance}
              class="grid-line"
              x1="0"
              x2={WIDTH}
              y1={(y(balance) / 100) * HEIGHT}
              y2={(y(balance) / 100) * HEIGHT}
            />
          ))}
          <path class="area" d={`${drawn}V${HEIGHT}H0Z`} />
          <path class="line" d={drawn} />
        </svg>
        {share !== undefined && at !== undefined && shown !== undefined && (
          <>
            <span class="cursor" style={{ left: `${share * 100}%` }} />
            <span class="tip" style={{ left: `${Math.min(88, Math.max(12, share * 100))}%` }}>
              {money(shown)} · {shortTime(at)}
            </span>
          </>
        )}
      </div>
      <p class="scale small soft" aria-hidden="true">
        <span>{shortTime(start)}</span>
        <span>{low === high ? money(low) : `${money(low)} – ${money(high)}`}</span>
        <span>now</span>
      </p>
    </>
  )
}

async function readHistory(api: Api, currency: string, signal: AbortSignal): Promise<Point[]> {
  const transactions: Transaction[] = []
  let cursor: string | undefined
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = { status: 'success', currency, limit: 100, cursor }
    const { items, nextCursor } = await api.get<Page>(
      '/transactions/my-transactions',
      query,
      signal,
    )
    transactions.push(...items)
    if (nextCursor === null) break
    cursor = nextCursor
  }
  return pointsOf(transactions)
}
