import { mintToken } from '../../src/auth/tokens.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { fund, openTopups, userIds } from '../http/users.ts'
import type { World } from '../http/world.ts'
import { SECRET } from '../secret.ts'
import { NEST } from './installed.ts'

/** A server of the whole API, with users who have money. */
export interface Contender {
  name: string
  port: number
  /** Requests topups, one user after the other. Returns their ids. */
  topups(count: number, users?: readonly string[]): Promise<string[]>
}

export const USERS = userIds(10_000)

export async function livebalance(world: World): Promise<Contender> {
  const port = await world.server()
  await withSql(world, (sql) => fund(sql, USERS, 10n ** 9n))
  return {
    name: 'Livebalance',
    port,
    topups: (count, users = USERS) => withSql(world, (sql) => openTopups(sql, users, count, 100n)),
  }
}

/** @param secretAs `KeyObject`, or `string` as in the framework's own examples */
export async function nest(world: World, secretAs: 'KeyObject' | 'string'): Promise<Contender> {
  const port = await world.bare(NEST, [], {
    DATABASE_URL: world.databaseUrl,
    REDIS_URL: world.redisUrl,
    JWT_SECRET: SECRET,
    SECRET_AS: secretAs,
    NODE_ENV: 'production',
  })
  await withSql(
    world,
    (sql) => sql`
      insert into balance_snapshots ("userId", balance)
      select jsonb_array_elements_text(${JSON.stringify(USERS)}::text::jsonb), 10000000
      on conflict do nothing`,
  )
  return {
    name: `NestJS, secret as ${secretAs}`,
    port,
    async topups(count, users = USERS) {
      const inTurn = JSON.stringify(
        Array.from({ length: count }, (_, i) => users[i % users.length]),
      )
      const rows = await withSql(
        world,
        (sql) => sql<{ id: string }[]>`
          insert into transactions ("userId", type, amount)
          select jsonb_array_elements_text(${inTurn}::text::jsonb), 'topup', 1 returning id`,
      )
      return rows.map(({ id }) => id)
    },
  }
}

async function withSql<T>(world: World, work: (sql: Sql) => PromiseLike<T>): Promise<T> {
  const sql = connect(world.databaseUrl, { max: 2 })
  try {
    return await work(sql)
  } finally {
    await sql.end()
  }
}

export function tokenOf(sub: string, roles: string[] = []): Promise<string> {
  return mintToken(SECRET, { sub, roles, expiresIn: 3600 })
}
