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
 * slow moment of the machine then slows all of them. Arguments: seconds of each measurement (2), rounds (5).
 */
const SECONDS = Number(process.argv[2] ?? 2)
const ROUNDS = Number(process.argv[3] ?? 5)
const USERS = 10_000
const CALLERS = 512
const CLIENTS = [4, 8, 16]

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
  try {
    await migrate(postgres.ownerUrl, { appRole: postgres.appRole })
    await fill(sql, owner)
    const anyone = () => `u${1 + Math.floor(Math.random() * USERS)}`
    const subjects = new Map<string, () => Promise<number>>([
      ['minimal', await byPgbench(postgres.ownerUrl, MINIMAL)],
      ['single', await byPgbench(postgres.ownerUrl, SINGLE)],
      ['users', () => batched(sql, anyone)],
      ['hot', () => batched(sql, () => 'u1')],
    ])
    if (await addPgledger(owner)) {
      subjects.set('pgledger', await byPgbench(postgres.ownerUrl, PGLEDGER))
    }
    const figures = new Map<string, number[]>([...subjects.keys()].map((name) => [name, []]))
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, measure] of subjects) figures.get(name)?.push(await measure())
    }
    report(
      'ledger',
      rowsOf(figures),
      figures.has('pgledger')
        ? []
        : ['pgledger: PGLEDGER_SQL names its files, separated by colons'],
    )
  } finally {
    await Promise.all([sql.end(), owner.end()])
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

function rowsOf(figures: Map<string, number[]>): Row[] {
  const [minimal, single, users, hot, pgledger] = [...figures.values()]
  if (!minimal || !single || !users || !hot) throw new Error('nothing was measured')
  const ours = {
    single: { what: 'one payment a call, by pgbench', rounds: single },
    users: { what: `payments batched from Node, ${USERS} users`, rounds: users },
    hot: { what: 'payments batched from Node, one hot user', rounds: hot },
  }
  const row = (name: keyof typeof ours, limit: string, rounds: number[], goal: number) =>
    compare({
      ...{ what: ours[name].what, unit: '/s', ours: ours[name].rounds, direction: '≥', goal },
      limit: { name: limit, rounds },
    })
  return [
    row('single', 'minimal transfer', minimal, 0.5),
    row('users', 'one payment a call', single, 3),
    row('hot', 'one payment a call', single, 10),
    ...(pgledger
      ? [row('single', 'pgledger', pgledger, 2), row('users', 'pgledger', pgledger, 8)]
      : []),
  ]
}
