import { connect as connectTcp } from 'node:net'
import { mintToken } from '../../src/auth/tokens.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { generator, wireRequest } from '../http/load.ts'
import { enough, fund, openTopups, userIds } from '../http/users.ts'
import { inWorld, type World } from '../http/world.ts'
import { hasPgbench, pgbench } from '../ledger/pgbench.ts'
import { report } from '../report.ts'
import { compare, type Row } from '../row.ts'
import { SECRET } from '../secret.ts'

/**
 * `npm run bench:writes`: balance changes a second over HTTP, with Redis, publishing and open streams. Beside it, by
 * turns: pgbench with the same SQL function and one command a call, in a separate database of the same Postgres.
 * Arguments: whole seconds of each measurement (1), rounds (3).
 */
const SECONDS = Number(process.argv[2] ?? 1)
const ROUNDS = Number(process.argv[3] ?? 3)
const USERS = 10_000
const CALLERS = [64, 256]
const CLIENTS = [8, 32]
/** Users with an open stream meanwhile, among them the hot one. */
const STREAMS = 100

interface Crowd {
  name: string
  users: number
  /** As a multiple of pgbench's best. */
  goal: number
}

const CROWDS: Crowd[] = [
  { name: `${USERS.toLocaleString('en-US')} users`, users: USERS, goal: 1.1 },
  { name: 'one hot user', users: 1, goal: 3 },
]

if (hasPgbench()) await inWorld('writes', measure)
else report('writes', [], ['pgbench is neither on the PATH nor named by PGBENCH'])

async function measure(world: World): Promise<void> {
  const alone = await besideOf(world.databaseUrl)
  await migrate(world.databaseUrl)
  const sql = connect(world.databaseUrl, { max: 2 })
  await openUsers(sql)
  const port = await world.server()
  const load = await generator()
  const watching = await watch(port)
  const service = await mintToken(SECRET, { sub: 'shop', roles: ['service'], expiresIn: 3600 })
  const admin = await mintToken(SECRET, { sub: 'admin', roles: ['admin'], expiresIn: 3600 })

  const run = async (connections: number, requests: string[], once = false) => {
    const { done, seconds } = await load.run({
      port,
      connections,
      seconds: SECONDS,
      requests,
      once,
    })
    return done / seconds
  }
  const payments = ({ users }: Crowd) =>
    Array.from({ length: USERS }, (_, i) =>
      wireRequest('POST', '/transactions', service, {
        ...{ type: 'booking_payment', amount: 0.01, userId: `user-${i % users}` },
      }),
    )
  const approvals = async ({ users }: Crowd, known: number[] | undefined) =>
    (await openTopups(sql, userIds(users), enough(known, SECONDS), 1n)).map((id) =>
      wireRequest('PATCH', `/transactions/topup/${id}/process`, admin, { status: 'success' }),
    )
  const single = async ({ users }: Crowd) => {
    let best = 0
    for (const clients of CLIENTS) {
      const rate = await pgbench(alone, singleOf(users), { seconds: SECONDS, clients })
      best = Math.max(best, rate)
    }
    return best
  }

  const rounds = new Map<string, number[]>()
  const note = (what: string, value: number) => {
    rounds.set(what, [...(rounds.get(what) ?? []), value])
  }
  // The first round is a warm-up: code is compiled, pages are read, plans are made.
  for (let round = 0; round <= ROUNDS; round++) {
    if (round === 1) rounds.clear()
    for (const crowd of CROWDS) {
      note(`pgbench, ${crowd.name}`, await single(crowd))
      for (const callers of CALLERS) {
        note(`payments, ${crowd.name}, ${callers} callers`, await run(callers, payments(crowd)))
        const approved = `topups approved, ${crowd.name}, ${callers} callers`
        note(approved, await run(callers, await approvals(crowd, rounds.get(approved)), true))
      }
    }
  }
  load.end()
  watching()
  await sql.end()
  report('writes', rowsOf(rounds))
}

function rowsOf(rounds: Map<string, number[]>): Row[] {
  return CROWDS.flatMap(({ name, goal }) =>
    ['payments', 'topups approved'].flatMap((kind) =>
      CALLERS.map((callers) => {
        const what = `${kind}, ${name}, ${callers} callers`
        const limit = {
          name: 'pgbench, single function',
          rounds: rounds.get(`pgbench, ${name}`) ?? [],
        }
        return compare({
          ...{ what, unit: '/s', ours: rounds.get(what) ?? [], limit, direction: '≥', goal },
        })
      }),
    ),
  )
}

function singleOf(users: number): string {
  return `\\set u random(0, ${users - 1})
select * from ledger_apply(json_build_array(json_build_object('op', 'payment', 'tenant', 'default',
  'actor', 'shop', 'user_id', 'user-' || (:u)::int, 'currency', 'USD', 'amount', '1')));`
}

/** A second database in the same Postgres, with the same users. No server publishes the changes that pgbench makes there. */
async function besideOf(url: string): Promise<string> {
  const beside = new URL(url)
  beside.pathname = '/beside'
  const owner = connect(url, { max: 1 })
  await owner`create database beside`
  await owner.end()
  await migrate(beside.href)
  const sql = connect(beside.href, { max: 2 })
  await openUsers(sql)
  await sql`vacuum analyze`
  await sql.end()
  return beside.href
}

/** Enough for all payments that follow. */
async function openUsers(sql: Sql): Promise<void> {
  await fund(sql, userIds(USERS), 10n ** 12n)
  await sql`truncate outbox`
}

/** Opens streams and discards their output. Returns the function that closes them. */
async function watch(port: number): Promise<() => void> {
  const sockets = await Promise.all(
    Array.from({ length: STREAMS }, async (_, i) => {
      const token = await mintToken(SECRET, { sub: `user-${i}`, expiresIn: 3600 })
      const socket = connectTcp(port, '127.0.0.1')
      socket.write(wireRequest('GET', '/balance/stream', token))
      await new Promise((resolve, reject) => {
        socket.once('data', resolve)
        socket.once('error', reject)
      })
      return socket.resume()
    }),
  )
  return () => {
    for (const socket of sockets) socket.destroy()
  }
}
