import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { startPostgres } from '../../src/local/postgres.ts'
import { connect } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { report as reportRows } from '../report.ts'
import { count, figure, growth, type Row } from '../row.ts'
import { analyticsAnswers } from './analytics.ts'
import { audited } from './audits.ts'
import { connectionsGrow } from './connections.ts'
import { fill } from './fill.ts'
import { type Plan, PlanReader } from './plans.ts'
import { questions } from './questions.ts'
import { requestsGrow } from './requests.ts'
import { usersGrow } from './users.ts'

/**
 * Fills a private Postgres with transactions, entries and events, and runs every query of the server at each size. It
 * reports the time and the plan of each. Then it measures payments and cached reads at several numbers of users, and
 * deliveries at several numbers of connections. Arguments: numbers of rows, ascending (10000 100000 1000000). `analytics`
 * before them: only the analytics, at the largest of them.
 * PLANS=file writes the whole plans of the last size to a file.
 */
const [first, ...more] = process.argv.slice(2)
const ONLY_ANALYTICS = first === 'analytics'
const SIZES = (ONLY_ANALYTICS ? more : process.argv.slice(2)).map(Number)
if (SIZES.length === 0) SIZES.push(10_000, 100_000, 1_000_000)

const folder = mkdtempSync(join(tmpdir(), 'livebalance-bench-'))
const postgres = await startPostgres({
  dataDir: folder,
  log: pino({ level: 'silent' }),
  settings: {
    ...{ fsync: 'off', synchronous_commit: 'off', autovacuum: 'off', wal_level: 'minimal' },
    ...{ max_wal_senders: '0', max_wal_size: '8GB', maintenance_work_mem: '512MB' },
    shared_buffers: '1GB',
  },
})
const NO_REDIS = 'requests: there is neither redis-server nor valkey-server on the PATH'
/** Calls before the measurement: code is compiled, pages are read, and Postgres may choose a generic plan. */
const WARM = 7
const ROUNDS = 15
/** A slow query is repeated less: not after this time in milliseconds, except for the first few calls. */
const LONG = 1_000
const FEWEST = 3

/** A database of one size, and its queries. */
interface Filled {
  reader: PlanReader
  ask: Map<string, () => Promise<unknown>>
}

/** Milliseconds of one query at one size, a number for each round. */
interface Taken {
  rounds: number[]
  plan: Plan
}

const taken = new Map<string, Taken[]>()
const audits: Row[] = []

/** Queries that requests and deliveries wait for, each with a full page at every size. Their time must not grow. */
const DRAWN = [
  'balance',
  'balance at a time',
  'statement of the busy user',
  'admin: all of a rare type',
  'admin: all topups',
  'events: the newest 10',
  'payment',
  'outbox: claim',
]
try {
  if (ONLY_ANALYTICS) reportRows('growth', await analyticsRows())
  else await everything()
} finally {
  await postgres.close()
  rmSync(folder, { recursive: true, force: true })
  if (postgres.dataDir !== folder) rmSync(postgres.dataDir, { recursive: true, force: true })
}

async function everything(): Promise<void> {
  const databases: Filled[] = []
  for (const size of SIZES) databases.push(await filled(size))
  for (const question of databases[0]?.ask.keys() ?? []) {
    taken.set(question, await inTurn(question, databases))
  }
  for (const { reader } of databases) await reader.sql.end()
  printAll()
  const rows = [
    ...audits,
    ...DRAWN.map(rowsGrow),
    ...(await analyticsRows()),
    await usersGrow(await database('users')),
    await connectionsGrow(),
  ]
  const requests = await requestsGrow()
  reportRows('growth', [...rows, ...(requests ?? [])], requests ? [] : [NO_REDIS])
}

/** A ledger over a year, of the largest size. */
async function analyticsRows(): Promise<Row[]> {
  const size = SIZES.at(-1) ?? 0
  const { rows, plans } = await analyticsAnswers(await database('analytics'), size)
  writePlans([...plans])
  return rows
}

async function filled(size: number): Promise<Filled> {
  const url = await database(`growth_${size}`)
  await migrate(url)
  const owner = connect(url, { max: 1 })
  const began = performance.now()
  const wallets = await fill(owner, size, 30)
  await owner.end()
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  console.log(
    `${count(size)} transactions, entries and events in ${count(wallets)} wallets: filled in ${seconds} s`,
  )
  audits.push(await audited(url, size))
  const reader = new PlanReader(url)
  await reader.open()
  return { reader, ask: await questions(reader.sql) }
}

/** All sizes, one after the other in each round, because a slow moment of the machine slows all. */
async function inTurn(question: string, databases: Filled[]): Promise<Taken[]> {
  const asked = databases.map(({ reader, ask }) => ({
    reader,
    run: ask.get(question) as () => Promise<unknown>,
    rounds: [] as number[],
  }))
  let spent = 0
  const askAll = async (counts: boolean) => {
    for (const { reader, run, rounds } of asked) {
      const ms = await reader.time(run)
      spent += ms
      if (counts) rounds.push(ms)
    }
  }
  for (let round = 0; round < WARM && spent <= LONG; round++) await askAll(false)
  for (let round = 0; round < ROUNDS && (spent <= LONG || round < FEWEST); round++) {
    await askAll(true)
  }
  const all: Taken[] = []
  for (const { reader, run, rounds } of asked) {
    all.push({ rounds, plan: await reader.explain(run) })
  }
  return all
}

async function database(name: string): Promise<string> {
  const admin = connect(postgres.ownerUrl, { max: 1 })
  await admin.unsafe(`create database ${name}`)
  await admin.end()
  const url = new URL(postgres.ownerUrl)
  url.pathname = `/${name}`
  return url.href
}

function rowsGrow(what: string): Row {
  const sizes = (taken.get(what) ?? []).map(({ rounds }, i) => ({ size: SIZES[i] ?? 0, rounds }))
  return growth({
    what: what.replace('… ', 'statement '),
    unit: 'ms',
    by: 'rows',
    sizes,
    goal: 1.3,
  })
}

function printAll(): void {
  console.table(
    [...taken].map(([question, all]) => ({
      question,
      ...Object.fromEntries(
        all.map(({ rounds }, i) => [
          `${count(SIZES[i] ?? 0)}: ms`,
          figure(rounds).median.toFixed(2),
        ]),
      ),
      blocks: all.map(({ plan }) => plan.blocks).join(' · '),
      plan: all.at(-1)?.plan.scans.slice(0, 3).join('; ') ?? '',
    })),
  )
  writePlans([...taken].map(([question, all]) => [question, all.at(-1)?.plan] as const))
}

/** Adds them to the file that PLANS names. */
function writePlans(plans: readonly (readonly [string, Plan | undefined])[]): void {
  const { PLANS } = process.env
  if (!PLANS) return
  for (const [question, plan] of plans) appendFileSync(PLANS, `## ${question}\n${plan?.text}\n\n`)
}
