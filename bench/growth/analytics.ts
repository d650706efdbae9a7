import { readFileSync } from 'node:fs'
import { Analytics } from '../../src/ledger/analytics-reader.ts'
import { PostgresEventStore } from '../../src/ledger/event-store.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { rollUp } from '../../src/ledger/rollups.ts'
import { connect } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { compare, count, type Row } from '../row.ts'
import { fill } from './fill.ts'
import { type Plan, PlanReader } from './plans.ts'

const DAY_MS = 86_400_000
const ROUNDS = 15
/** A slow question is repeated less: not after this time in milliseconds, except for the first few calls. */
const LONG = 10_000
const FEWEST = 3
/** Of one roll-up: users that paid once since the one before. */
const PAYERS = 1_000

/** What is promised in milliseconds, at any number of entries. */
const YEAR_MS = 50
const LIST_MS = 1_000

/** The questions of the analytics about a ledger of so many entries over a year. Each row is beside what is promised. */
export async function analyticsAnswers(
  url: string,
  size: number,
): Promise<{ rows: Row[]; plans: Map<string, Plan> }> {
  await migrate(url)
  const owner = connect(url, { max: 1 })
  const began = performance.now()
  const wallets = await fill(owner, size, 365)
  await owner.unsafe(readFileSync(new URL('rollups.sql', import.meta.url), 'utf8'))
  await owner.unsafe('call fill_rollups()')
  await owner.unsafe('vacuum analyze')
  await owner.end()
  const seconds = Math.round((performance.now() - began) / 1000)
  console.log(
    `${count(size)} entries of ${count(wallets)} wallets, with roll-ups: filled in ${seconds} s`,
  )
  return askAnalytics(url, size)
}

/** The same for a database that is filled already. */
export async function askAnalytics(
  url: string,
  size: number,
): Promise<{ rows: Row[]; plans: Map<string, Plan> }> {
  const reader = new PlanReader(url)
  await reader.open()
  const rows: Row[] = []
  const plans = new Map<string, Plan>()
  try {
    for (const [name, { promised, ask }] of questionsOf(new Analytics(reader.sql))) {
      const rounds: number[] = []
      await ask()
      for (let spent = 0; rounds.length < ROUNDS && (spent < LONG || rounds.length < FEWEST); ) {
        const ms = await reader.time(ask)
        spent += ms
        rounds.push(ms)
      }
      plans.set(name, await reader.explain(ask))
      rows.push(row(`analytics: ${name}, ${count(size)} entries`, rounds, promised))
    }
  } finally {
    await reader.sql.end()
  }
  rows.push(await rollingUp(url, size))
  return { rows, plans }
}

const row = (what: string, rounds: number[], promised: number): Row =>
  compare({
    ...{ what, unit: 'ms', ours: rounds, direction: '≤', goal: 1 },
    limit: { name: 'promised', rounds: rounds.map(() => promised) },
  })

function questionsOf(analytics: Analytics) {
  const currency = 'USD'
  const from = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString()
  const to = new Date().toISOString()
  const common = { tenant: 'default', currency, limit: 50 }
  const series = (bucket: 'day' | 'hour', days: number, timeZone: string) => ({
    promised: timeZone === 'UTC' ? YEAR_MS : LIST_MS,
    ask: () =>
      analytics.series({ tenant: 'default', from: from(days), to, bucket, timeZone }, currency),
  })
  const list = (ask: () => Promise<unknown>) => ({ promised: LIST_MS, ask })
  const dayOf = (time: string) => time.slice(0, 10)
  const cohorts = (unit: 'month' | 'week') =>
    list(() => analytics.cohorts({ tenant: 'default', currency, unit, from: from(365), to }))
  return new Map<string, { promised: number; ask: () => Promise<unknown> }>([
    ['a year by day', series('day', 365, 'UTC')],
    ['a year by day of Berlin', series('day', 365, 'Europe/Berlin')],
    ['a year by day of India', series('day', 365, 'Asia/Kolkata')],
    ['80 days by hour of Berlin', series('hour', 80, 'Europe/Berlin')],
    [
      'movers of 30 days',
      list(() =>
        analytics.movers({ ...common, from: dayOf(from(30)), to: dayOf(to), direction: 'up' }),
      ),
    ],
    ['cohorts of a year by month', cohorts('month')],
    ['cohorts of a year by week', cohorts('week')],
    ['dormant wallets', list(() => analytics.dormant({ ...common, since: to }))],
    ['new wallets', list(() => analytics.joined({ ...common, from: from(365), to }))],
  ])
}

/** The cost of keeping the roll-ups: of each payment since the last time. */
async function rollingUp(url: string, size: number): Promise<Row> {
  const sql = connect(url, { max: 2 })
  const store = await PostgresEventStore.open(sql)
  const executor = new Executor(sql)
  const rounds: number[] = []
  try {
    for (let round = -1; round < 5; round++) {
      await Promise.all(
        Array.from({ length: PAYERS }, (_, i) =>
          executor.execute({
            ...{ op: 'payment', tenant: 'default', actor: 'bench', userId: `u${i + 1}` },
            ...{ currency: 'USD', amount: 1n },
          }),
        ),
      )
      const claimed = await store.claim(PAYERS * 2, 0)
      await store.acknowledge(claimed.map(({ outboxId }) => outboxId))
      const began = performance.now()
      await rollUp(sql)
      // The first round is a warm-up.
      if (round >= 0) rounds.push(((performance.now() - began) / PAYERS) * 1_000)
    }
  } finally {
    await sql.end()
  }
  return compare({
    ...{ what: `rolling up a payment, ${count(size)} entries`, unit: 'µs', ours: rounds },
    ...{ limit: { name: 'a millisecond', rounds: rounds.map(() => 1_000) }, direction: '≤' },
  })
}
