import { mintToken } from '../../src/auth/tokens.ts'
import { connect } from '../../src/postgres/database.ts'
import { type Generator, generator, wireRequest } from '../http/load.ts'
import { fund, userIds } from '../http/users.ts'
import { inWorld, type World } from '../http/world.ts'
import { report } from '../report.ts'
import { compare } from '../row.ts'
import { SECRET } from '../secret.ts'

/**
 * `npm run bench:reads`: cached balances a second, by turns with two bare servers of `node:http`. The same generator
 * asks all three, over the same number of kept-alive connections. Arguments: seconds of each measurement (2),
 * rounds (5).
 */
const SECONDS = Number(process.argv[2] ?? 2)
const ROUNDS = Number(process.argv[3] ?? 5)
const USERS = 1_000
const CONNECTIONS = 64

await inWorld('reads', measure)

async function measure(world: World): Promise<void> {
  const ours = await world.server()
  const bare = new URL('bare.ts', import.meta.url)
  const hello = await world.bare(bare, ['hello'])
  const get = await world.bare(bare, ['get', world.redisUrl])
  const requests = await readsOf(await openUsers(world))
  const load = await generator()
  const rate = (port: number, seconds = SECONDS) => perSecond(load, port, seconds, requests)

  const rounds = { ours: [] as number[], hello: [] as number[], get: [] as number[] }
  for (const port of [ours, hello, get]) await rate(port)
  for (let round = 0; round < ROUNDS; round++) {
    rounds.hello.push(await rate(hello))
    rounds.ours.push(await rate(ours))
    rounds.get.push(await rate(get))
  }
  load.end()
  const row = { what: 'cached reads', unit: '/s', ours: rounds.ours, direction: '≥' as const }
  report('reads', [
    compare({ ...row, limit: { name: 'node:http hello', rounds: rounds.hello }, goal: 0.65 }),
    compare({
      ...row,
      limit: { name: 'node:http, token and GET', rounds: rounds.get },
      goal: 1.1,
    }),
  ])
}

async function perSecond(load: Generator, port: number, seconds: number, requests: string[]) {
  const result = await load.run({ port, connections: CONNECTIONS, seconds, requests })
  return result.done / result.seconds
}

/** Users with a balance. */
async function openUsers(world: World): Promise<string[]> {
  const users = userIds(USERS)
  const sql = connect(world.databaseUrl, { max: 1 })
  await fund(sql, users, 100_000_000n)
  await sql.end()
  return users
}

function readsOf(users: string[]): Promise<string[]> {
  return Promise.all(
    users.map(async (sub) => {
      const token = await mintToken(SECRET, { sub, expiresIn: 3600 })
      return wireRequest('GET', '/transactions/balance/cached', token)
    }),
  )
}
