import { mintToken } from '../../src/auth/token.ts'
import { connect, type Sql } from '../../src/ledger/database.ts'
import { BatchingExecutor } from '../../src/ledger/executor.ts'
import { SECRET, type World } from '../http/world.ts'
import { NEST } from './installed.ts'

/** A server of the whole document, with users who have money. */
export interface Contender {
  name: string
  port: number
  /** Opens pending topups, the users in turn; their ids. */
  topups(count: number, users?: readonly string[]): Promise<string[]>
}

export const USERS = Array.from({ length: 10_000 }, (_, i) => `user-${i}`)

const inTurn = (count: number, users: readonly string[]) =>
  Array.from({ length: count }, (_, i) => users[i % users.length] as string)

export async function livebalance(world: World): Promise<Contender> {
  const port = await world.server()
  const named = { tenant: 'default', currency: 'USD' } as const
  const executed = <T>(work: (executor: BatchingExecutor) => Promise<T>) =>
    withSql(world, (sql) => work(new BatchingExecutor(sql)))
  await executed((executor) =>
    Promise.all(
      USERS.map((userId) =>
        executor.execute({ ...named, op: 'adjustment', actor: 'ada', userId, amount: 10n ** 9n }),
      ),
    ),
  )
  return {
    name: 'Livebalance',
    port,
    topups: (count, users = USERS) =>
      executed((executor) =>
        Promise.all(
          inTurn(count, users).map(async (userId) => {
            const opened = await executor.execute({
              ...named,
              op: 'topup_request',
              actor: userId,
              userId,
              amount: 100n,
            })
            if (!opened.ok) throw new Error(opened.code)
            return opened.transaction.id
          }),
        ),
      ),
  }
}

/** @param secretAs `KeyObject`, or `string`: what the framework's own examples do */
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
      const userIds = JSON.stringify(inTurn(count, users))
      const rows = await withSql(
        world,
        (sql) => sql<{ id: string }[]>`
          insert into transactions ("userId", type, amount)
          select jsonb_array_elements_text(${userIds}::text::jsonb), 'topup', 1 returning id`,
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
