import { describe, expect } from 'vitest'
import { connect } from '../../src/postgres/database.ts'
import { test } from '../support/fixtures.ts'
import { eventually } from '../support/index.ts'
import { expectReconnects } from '../support/postgres/broken.ts'

test('a connection that is ended while a query is about to be sent is opened again at once', async ({
  database,
  owner,
}) => {
  await expectReconnects(database.appUrl, owner)
})

test('a pool whose connections broke under queries ends', async ({ database, owner }) => {
  const sql = connect(database.appUrl, { max: 2 })
  // Each sleeps for a moment, so that the two run on two connections.
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

test('the end of a pool waits for the queries under way', async ({ database }) => {
  const sql = connect(database.appUrl, { max: 2 })
  // They sleep for so long that an end that does not wait would be first.
  const order: string[] = []
  const query = sql`select pg_sleep(1)`.then(() => order.push('query'))
  const transaction = sql
    .begin((tx) => tx`select pg_sleep(1)`)
    .then(() => order.push('transaction'))
  await sql.end().then(() => order.push('end'))
  await Promise.all([query, transaction])
  expect(order.at(-1)).toBe('end')
})

describe('a transaction whose connection closes', () => {
  const ended = { code: expect.stringMatching(/^(57P01|25P03|CONNECTION_\w+|ECONN\w+)$/) }

  test('under a statement is rejected, and the pool goes on', async ({ database, owner }) => {
    const sql = connect(database.appUrl, { max: 1 })
    const transaction = sql.begin(async (tx) => {
      const [row] = await tx`select pg_backend_pid() as pid`
      const end = owner`select pg_terminate_backend(${row?.pid})`
      await Promise.all([tx`select pg_sleep(60)`, end])
    })
    await expect(transaction).rejects.toMatchObject(ended)
    // The client may give the error to one more query.
    await eventually(async () => expect(await sql`select 1 as one`).toEqual([{ one: 1 }]))
    await sql.end()
  })

  test('between two statements is rejected, and runs none of the rest', async ({
    database,
    owner,
  }) => {
    const sql = connect(database.ownerUrl, { max: 1 })
    let goOn = () => {}
    const later = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const transaction = sql.begin(async (tx) => {
      const [row] = await tx`select pg_backend_pid() as pid`
      await owner`select pg_terminate_backend(${row?.pid})`
      await later
      await tx`create table rest ()`
    })
    await expect(transaction).rejects.toMatchObject(ended)
    goOn()
    await eventually(async () =>
      expect(await sql`select to_regclass('rest') as rest`).toEqual([{ rest: null }]),
    )
    await sql.end()
  })
})
