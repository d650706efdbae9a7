import { mintToken } from '../../src/auth/tokens.ts'
import { connect } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { generator, wireRequest } from '../http/load.ts'
import { fund, userIds } from '../http/users.ts'
import { openWorld } from '../http/world.ts'
import { growth, type Row } from '../row.ts'
import { SECRET } from '../secret.ts'

const SIZES = [500, 5_000, 50_000]
const ROUNDS = 3
const CONNECTIONS = 64
const SECONDS = 1
/** Requests of a round, each by a random user. More than are answered in that time. */
const PICKS = 60_000

/**
 * The cost of a cached balance and of a payment over HTTP, at several numbers of users, each with their own token.
 * Undefined if there is no Redis.
 */
export async function requestsGrow(): Promise<Row[] | undefined> {
  const world = await openWorld()
  if (!world) return undefined
  try {
    await migrate(world.databaseUrl)
    const users = userIds(SIZES.at(-1) ?? 0)
    const sql = connect(world.databaseUrl, { max: 2 })
    await fund(sql, users, 10n ** 9n)
    await sql`analyze`
    await sql.end()
    const reads = await readsOf(users)
    const payments = await paymentsOf(users)
    const port = await world.server()
    const load = await generator()
    const order = { port, connections: CONNECTIONS, seconds: SECONDS }
    // All users have been here before: tokens are verified, and balances cached.
    await load.run({ ...order, seconds: 120, requests: reads, once: true })
    const cost = async (requests: string[]) => {
      const { done, seconds } = await load.run({ ...order, requests })
      return (seconds / done) * 1_000_000
    }
    const sizes = () => SIZES.map((size) => ({ size, rounds: [] as number[] }))
    const all = [
      { what: 'a cached read over HTTP', requests: reads, sizes: sizes() },
      { what: 'a payment over HTTP', requests: payments, sizes: sizes() },
    ]
    for (let round = 0; round < ROUNDS; round++) {
      for (const { requests, sizes } of all) {
        for (const { size, rounds } of sizes) rounds.push(await cost(picked(requests, size)))
      }
    }
    load.end()
    return all.map(({ what, sizes }) => growth({ what, unit: 'µs', by: 'users', sizes, goal: 1.3 }))
  } finally {
    await world.close()
  }
}

function picked(requests: string[], size: number): string[] {
  return Array.from({ length: PICKS }, () => requests[Math.floor(Math.random() * size)] as string)
}

function readsOf(users: string[]): Promise<string[]> {
  return Promise.all(
    users.map(async (sub) => {
      const token = await mintToken(SECRET, { sub, expiresIn: 3600 })
      return wireRequest('GET', '/transactions/balance/cached', token)
    }),
  )
}

async function paymentsOf(users: string[]): Promise<string[]> {
  const service = await mintToken(SECRET, { sub: 'shop', roles: ['service'], expiresIn: 3600 })
  return users.map((userId) =>
    wireRequest('POST', '/transactions', service, {
      ...{ type: 'booking_payment', amount: 0.01, userId },
    }),
  )
}
