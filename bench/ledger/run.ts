import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { Executor } from '../../src/ledger/executor.ts'
import { startPostgres } from '../../src/local/postgres.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { report } from '../report.ts'
import { compare, type Row } from '../row.ts'
import { bestClients, hasPgbench, pgbench } from './pgbench.ts'

/**
 * The ledger beside the limit of its Postgres and beside pgledger. They are measured by turns in one run, because a
 * slow moment of the machine then slows all of them. Nothing waits for the disk, except in the figures that say so.
 * Arguments: seconds of each measurement (2), rounds (5).
 */
const SECONDS = Number(process.argv[2] ?? 2)
const ROUNDS = Number(process.argv[3] ?? 5)
const USERS = 10_000
const CALLERS = 512
const CLIENTS = [4, 8, 16]
/** Payments whose bytes on disk are counted. */
const SIZED = 50_000

const payment = (userId: string) => ({
  ...{ op: 'payment' as const, tenant: 'default', actor: 'service', userId, currency: 'USD' },
  amount: 1n,
})

const SINGLE = `\\set u random(1, ${USERS})
select * from ledger_apply(('[{"op":"payment","tenant":"default","actor":"service","user_id":"u'
  || (:u)::int || '","currency":"USD","amount":"1"}]')::json);`
const MINIMAL = `\\set a random(1, ${USERS})
\\set b random(1, ${USERS})
select minimal_transfer(:a, case when :a = :b then ${USERS + 1} else :b end, 1);`
const PGLEDGER = `\\set a random(1, ${USERS})
\\set b random(1, ${USERS})
select * from pgledger_create_transfer((select id from bench_pgledger where n = :a),
  (select id from bench_pgledger where n = case when :a = :b then ${USERS + 1} else :b end), 1);`

if (hasPgbench()) await bench()
else report('ledger', [], ['pgbench is neither on the PATH nor named by PGBENCH'])

async function bench(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'livebalance-bench-'))
  const postgres = await startPostgres({
    dataDir: folder,
    log: pino({ level: 'silent' }),
    settings: { synchronous_commit: 'off', max_connections: '100', max_wal_size: '4GB' },
  })
  const sql = connect(postgres.appUrl, { max: 4 })
  const owner = connect(postgres.ownerUrl, { max: 1 })
  const durably = (...settings: string[]) => {
    const options = ['synchronous_commit=on', ...settings].map((setting) => `-c ${setting}`)
    const url = `${postgres.ownerUrl}?options=${encodeURIComponent(options.join(' '))}`
    return connect(url, { max: 4 })
  }
  const durable = durably()
  // Each commit waits for so many microseconds that others join its flush, although no others are under way.
  const delayed = durably('commit_delay=500', 'commit_siblings=0')
  try {
    await migrate(postgres.ownerUrl, { appRole: postgres.appRole })
    await fill(sql, owner)
    const anyone = () => `u${1 + Math.floor(Math.random() * USERS)}`
    const subjects = new Map<string, () => Promise<number>>([
      ['minimal', await byPgbench(postgres.ownerUrl, MINIMAL)],
      ['single', await byPgbench(postgres.ownerUrl, SINGLE)],
      ['users', () => batched(sql, anyone)],
      ['hot', () => batched(sql, () => 'u1')],
      ['durable', () => batched(durable, anyone)],
      ['delayed', () => batched(delayed, anyone)],
    ])
    if (await addPgledger(owner)) {
      subjects.set('pgledger', await byPgbench(postgres.ownerUrl, PGLEDGER))
    }
    const figures = new Map<string, number[]>([...subjects.keys()].map((name) => [name, []]))
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, measure] of subjects) figures.get(name)?.push(await measure())
    }
    const bytes = await bytesOfPayment(sql, owner, anyone)
    report(
      'ledger',
      [...rowsOf(figures), bytes],
      figures.has('pgledger')
        ? []
        : ['pgledger: PGLEDGER_SQL names its files, separated by colons'],
    )
  } finally {
    await Promise.all([sql, owner, durable, delayed].map((pool) => pool.end()))
    await postgres.close()
    rmSync(folder, { recursive: true, force: true })
    if (postgres.dataDir !== folder) rmSync(postgres.dataDir, { recursive: true, force: true })
  }
}

/** Gives every user money, and creates the tables of the minimal transfer. */
async function fill(sql: Sql, owner: Sql): Promise<void> {
  await owner.unsafe(readFileSync(new URL('minimal.sql', import.meta.url), 'utf8'))
  const executor = new Executor(sql)
  const outcomes = await Promise.all(
    Array.from({ length: USERS }, (_, i) =>
      executor.execute({ ...payment(`u${i + 1}`), op: 'adjustment', amount: 10n ** 12n }),
    ),
  )
  if (outcomes.some((outcome) => !outcome.ok)) throw new Error('not everyone has money')
  await owner`vacuum analyze`
}

/** Whether there is a pgledger to measure. If so, creates its accounts. */
async function addPgledger(owner: Sql): Promise<boolean> {
  if (!process.env.PGLEDGER_SQL) return false
  for (const file of process.env.PGLEDGER_SQL.split(':')) {
    await owner.unsafe(readFileSync(file, 'utf8'))
  }
  await owner.unsafe(`create table bench_pgledger as
    select n, (pgledger_create_account('account ' || n, 'USD')).id from generate_series(1, ${USERS + 1}) n;
    create unique index on bench_pgledger (n)`)
  await owner`vacuum analyze`
  return true
}

/** Runs the script with the number of clients that is best for it. */
async function byPgbench(url: string, script: string): Promise<() => Promise<number>> {
  const clients = await bestClients(url, script, CLIENTS)
  return () => pgbench(url, script, { seconds: SECONDS, clients })
}

/** Commands a second of all callers. Each caller sends one at a time. */
async function batched(sql: Sql, user: () => string): Promise<number> {
  const executor = new Executor(sql)
  const began = performance.now()
  const until = began + SECONDS * 1_000
  let done = 0
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      for (; performance.now() < until; done++) {
        const outcome = await executor.execute(payment(user()))
        if (!outcome.ok) throw new Error(outcome.code)
      }
    }),
  )
  return (done / (performance.now() - began)) * 1_000
}

/** What a payment adds to the disk for good, beside what its two events add until their retention is over. */
async function bytesOfPayment(sql: Sql, owner: Sql, user: () => string): Promise<Row> {
  const size = async (...tables: string[]) => {
    await owner`vacuum`
    let bytes = 0
    for (const table of tables) {
      const [row] = await owner<{ size: string }[]>`
        select coalesce(sum(pg_total_relation_size(relid)), pg_total_relation_size(${table}::text::regclass)) as size
        from pg_partition_tree(${table}::text::regclass)`
      bytes += Number(row?.size)
    }
    return bytes
  }
  const kept = ['entries', 'transactions']
  const before = [await size(...kept), await size('event_rows')] as const
  const executor = new Executor(sql)
  await Promise.all(
    Array.from({ length: SIZED }, async () => void (await executor.execute(payment(user())))),
  )
  return compare({
    ...{ what: 'a payment on disk, for good', unit: 'bytes', direction: '≤' },
    ours: [((await size(...kept)) - before[0]) / SIZED],
    limit: { name: 'its two events', rounds: [((await size('event_rows')) - before[1]) / SIZED] },
  })
}

function rowsOf(figures: Map<string, number[]>): Row[] {
  const [minimal, single, users, hot, durable, delayed, pgledger] = [...figures.values()]
  if (!minimal || !single || !users || !hot || !durable || !delayed) {
    throw new Error('nothing was measured')
  }
  const ours = {
    single: { what: 'one payment a call, by pgbench', rounds: single },
    users: { what: `payments batched from Node, ${USERS} users`, rounds: users },
    hot: { what: 'payments batched from Node, one hot user', rounds: hot },
    durable: { what: 'payments batched from Node, each commit on disk', rounds: durable },
    delayed: { what: 'the same with commit_delay = 500', rounds: delayed },
  }
  const row = (name: keyof typeof ours, limit: string, rounds: number[], goal?: number) =>
    compare({
      ...{ what: ours[name].what, unit: '/s', ours: ours[name].rounds, direction: '≥' },
      ...(goal !== undefined && { goal }),
      limit: { name: limit, rounds },
    })
  return [
    row('single', 'minimal transfer', minimal, 0.5),
    row('users', 'one payment a call', single, 3),
    row('hot', 'one payment a call', single, 10),
    row('durable', 'commits in memory only', users),
    row('delayed', 'without', durable),
    ...(pgledger
      ? [row('single', 'pgledger', pgledger, 2), row('users', 'pgledger', pgledger, 8)]
      : []),
  ]
}
