import { Redis } from 'ioredis'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createDatabase,
  describeWithPrivateRedis,
  describeWithRedis,
  eventually,
  type PrivateRedis,
  redisUrl,
  startPrivateRedis,
  type TestDatabase,
} from './index.ts'

describe('a test file’s database', () => {
  const databases: TestDatabase[] = []
  beforeAll(async () => {
    databases.push(...(await Promise.all([createDatabase(), createDatabase()])))
  })
  afterAll(async () => {
    await Promise.all(databases.map((database) => database.drop()))
  })

  test('is its own: what one writes the other does not see', async () => {
    const [one, other] = databases.map(({ ownerUrl }) => postgres(ownerUrl, { max: 1 }))
    if (!one || !other) throw new Error('two databases are needed')
    await one`create table written (n int)`
    const tables = await other`select from pg_tables where tablename = 'written'`
    expect(tables).toHaveLength(0)
    await Promise.all([one.end(), other.end()])
  })

  test('is migrated', async () => {
    const sql = postgres(databases[0]?.appUrl ?? '', { max: 1 })
    expect(await sql`select from meta`).toHaveLength(1)
    await sql.end()
  })

  test('lets the app’s role log in, which is no superuser', async () => {
    const sql = postgres(databases[0]?.appUrl ?? '', { max: 1 })
    const [row] =
      await sql`select current_user as name, rolsuper from pg_roles where rolname = current_user`
    expect(row).toEqual({ name: databases[0]?.appRole, rolsuper: false })
    await sql.end()
  })
})

describeWithRedis('the shared Redis', () => {
  test('answers', async () => {
    const redis = new Redis(redisUrl())
    expect(await redis.ping()).toBe('PONG')
    await redis.quit()
  })
})

describeWithPrivateRedis('a Redis to be broken', () => {
  let server: PrivateRedis
  let client: Redis
  beforeAll(async () => {
    server = await startPrivateRedis()
    client = new Redis(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: 0 })
    client.on('error', () => {})
  })
  afterAll(async () => {
    client.disconnect()
    await server.close()
  })

  test('comes back under the same address after a kill, empty', async () => {
    await eventually(() => client.set('kept', 'no'))
    await server.kill()
    await expect(client.get('kept')).rejects.toThrow()
    await server.restart()
    expect(await eventually(() => client.get('kept'))).toBeNull()
  })

  test('keeps its clients waiting while it is paused', async () => {
    await eventually(() => client.ping())
    server.pause()
    const answer = client.ping()
    // Long enough for the reply of a Redis that runs.
    const first = await Promise.race([answer, new Promise((end) => setTimeout(end, 100, 'none'))])
    expect(first).toBe('none')
    server.resume()
    expect(await answer).toBe('PONG')
  })
})
