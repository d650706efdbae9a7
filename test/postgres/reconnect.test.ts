import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { createDatabase, type TestDatabase } from '../support/index.ts'
import { expectReconnects } from '../support/postgres/broken.ts'

let database: TestDatabase
let owner: Sql
beforeAll(async () => {
  database = await createDatabase()
  owner = connect(database.ownerUrl, { max: 1 })
})
afterAll(async () => {
  await owner?.end()
  await database?.drop()
})

test('a connection that is ended while a query is about to be sent is opened again at once', async () => {
  await expectReconnects(database.appUrl, owner)
}, 60_000)

test('a pool whose connections broke under queries ends', async () => {
  const sql = connect(database.appUrl, { max: 2 })
  const pids = async () => {
    const rows = await Promise.all([
      sql<{ pid: number }[]>`select pg_backend_pid() as pid, pg_sleep(0.01)`,
      sql<{ pid: number }[]>`select pg_backend_pid() as pid, pg_sleep(0.01)`,
    ])
    return rows.flat().map(({ pid }) => pid)
  }
  const broken = await pids()
  const underWay = [sql`select pg_sleep(60)`, sql`select pg_sleep(60)`].map((query) =>
    query.then(
      () => 'answered',
      () => 'failed',
    ),
  )
  for (const pid of broken) await owner`select pg_terminate_backend(${pid})`
  expect(await Promise.all(underWay)).toEqual(['failed', 'failed'])
  await sql.end()
})

test('the end of a pool waits for the queries under way', async () => {
  const sql = connect(database.appUrl, { max: 2 })
  const order: string[] = []
  const query = sql`select pg_sleep(1)`.then(() => order.push('query'))
  const transaction = sql
    .begin((tx) => tx`select pg_sleep(1)`)
    .then(() => order.push('transaction'))
  await sql.end().then(() => order.push('end'))
  await Promise.all([query, transaction])
  expect(order.at(-1)).toBe('end')
})
