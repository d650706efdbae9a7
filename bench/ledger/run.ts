import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { startPostgres } from '../../src/embedded/postgres.ts'
import { connect } from '../../src/ledger/database.ts'
import { BatchingExecutor } from '../../src/ledger/executor.ts'
import { migrate } from '../../src/ledger/migrate.ts'
import { hasPgbench, pgbench } from './pgbench.ts'

/**
 * The ledger beside the limit of its Postgres, all in one run and interleaved, so that a machine that is
 * busy with something else slows all of it. Arguments: seconds of each measurement (3), rounds (3).
 */
const SECONDS = Number(process.argv[2] ?? 3)
const ROUNDS = Number(process.argv[3] ?? 3)
const USERS = 10_000
const CALLERS = 512
const CLIENTS = [1, 4, 8, 16]

if (!hasPgbench()) {
  console.log('Skipped: pgbench is neither on the PATH nor named by PGBENCH.')
  process.exit(0)
}

const folder = mkdtempSync(join(tmpdir(), 'livebalance-bench-'))
const postgres = await startPostgres({
  dataDir: folder,
  log: pino({ level: 'silent' }),
  settings: { synchronous_commit: 'off', max_connections: '100', max_wal_size: '4GB' },
})
const sql = connect(postgres.appUrl, { max: 4 })
const owner = connect(postgres.ownerUrl, { max: 1 })

const command = (userId: string) => ({
  ...{ op: 'payment' as const, tenant: 'default', actor: 'service', userId, currency: 'USD' },
  amount: 1n,
})

/** Commands a second that so many callers get through, each sending one after another. */
async function batched(user: () => string): Promise<number> {
  const executor = new BatchingExecutor(sql)
  const until = performance.now() + SECONDS * 1_000
  let done = 0
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      for (; performance.now() < until; done++) {
        const outcome = await executor.execute(command(user()))
        if (!outcome.ok) throw new Error(outcome.code)
      }
    }),
  )
  return done / SECONDS
}

const anyone = () => `u${1 + Math.floor(Math.random() * USERS)}`

const SINGLE = `\\set u random(1, ${USERS})
select * from ledger_apply(json_build_array(json_build_object('op', 'payment', 'tenant', 'default',
  'actor', 'service', 'user_id', 'u' || (:u)::int, 'currency', 'USD', 'amount', '1')));`
const MINIMAL = `\\set a random(1, ${USERS})
\\set b random(1, ${USERS})
select minimal_transfer(:a, case when :a = :b then ${USERS + 1} else :b end, 1);`
const PGLEDGER = `\\set a random(1, ${USERS})
\\set b random(1, ${USERS})
select * from pgledger_create_transfer((select id from bench_pgledger where n = :a),
  (select id from bench_pgledger where n = case when :a = :b then ${USERS + 1} else :b end), 1);`

const subjects = new Map<string, () => Promise<number>>([
  ['minimal transfer, pgbench', () => pg(MINIMAL, CLIENTS)],
  ['single function, pgbench', () => pg(SINGLE, CLIENTS)],
  [`batched from Node, ${USERS} users`, () => batched(anyone)],
  ['batched from Node, one hot user', () => batched(() => 'u1')],
])
const pg = (script: string, clients: readonly number[]) =>
  pgbench(postgres.ownerUrl, script, { seconds: SECONDS, clients })

try {
  await migrate(postgres.ownerUrl)
  await owner.unsafe(readFileSync(new URL('minimal.sql', import.meta.url), 'utf8'))
  const executor = new BatchingExecutor(sql)
  await Promise.all(
    Array.from({ length: USERS }, (_, i) =>
      executor.execute({ ...command(`u${i + 1}`), op: 'adjustment', amount: 10n ** 12n }),
    ),
  )
  if (process.env.PGLEDGER_SQL) {
    for (const file of process.env.PGLEDGER_SQL.split(':')) {
      await owner.unsafe(readFileSync(file, 'utf8'))
    }
    await owner.unsafe(`create table bench_pgledger as
      select n, (pgledger_create_account('account ' || n, 'USD')).id from generate_series(1, ${USERS + 1}) n;
      create unique index on bench_pgledger (n)`)
    subjects.set('pgledger transfer, pgbench', () => pg(PGLEDGER, CLIENTS))
  } else {
    console.log('Without pgledger: PGLEDGER_SQL names its files, separated by colons.')
  }
  await owner`vacuum analyze`

  const figures = new Map<string, number[]>()
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, measure] of subjects) {
      figures.set(name, [...(figures.get(name) ?? []), await measure()])
    }
  }
  report(figures)
} finally {
  await Promise.all([sql.end(), owner.end()])
  await postgres.close()
  rmSync(folder, { recursive: true, force: true })
  if (postgres.dataDir !== folder) rmSync(postgres.dataDir, { recursive: true, force: true })
}

function report(figures: Map<string, number[]>): void {
  const of = (name: string) => {
    const all = [...(figures.get(name) ?? [])].sort((a, b) => a - b)
    return all[Math.floor(all.length / 2)] ?? Number.NaN
  }
  const [minimal = '', single = '', users = '', hot = '', pgledger] = [...subjects.keys()]
  console.table(
    [...figures].map(([what, all]) => ({
      what,
      'per second': Math.round(of(what)),
      spread: `${Math.round(Math.min(...all))} to ${Math.round(Math.max(...all))}`,
    })),
  )
  const goals: [string, string, string, number][] = [
    ['single function / minimal transfer', single, minimal, 0.5],
    ['batched / single function', users, single, 3],
    ['batched on one hot user / single function', hot, single, 10],
  ]
  if (pgledger) {
    goals.push(['single function / pgledger', single, pgledger, 2])
    goals.push(['batched / pgledger', users, pgledger, 8])
  }
  console.table(
    goals.map(([what, ours, other, goal]) => {
      const ratio = of(ours) / of(other)
      return { what, ratio: ratio.toFixed(2), goal: `≥ ${goal}`, reached: ratio >= goal }
    }),
  )
}
