import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, type Sql } from '../../src/ledger/database.ts'
import { createDatabase, type TestDatabase } from '../environment/index.ts'

/** One in six or so catches the connection with something still to be sent, one in four between error and close. */
const ROUNDS = 20

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

/** Asks in every turn of the event loop, a few questions at once, until one fails. */
function askUntilFailure(sql: Sql): Promise<void> {
  return new Promise((resolve) => {
    let over = false
    let asked = 0
    const ask = () => {
      if (over) return
      setImmediate(ask)
      if (asked === 10) return
      asked += 1
      sql`select 1`.then(
        () => {
          asked -= 1
        },
        () => {
          over = true
          resolve()
        },
      )
    }
    ask()
  })
}

test('a connection that is ended while a query is about to be sent is opened again at once', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const sql = connect(database.appUrl, { max: 1 })
    const [backend] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`
    const failed = askUntilFailure(sql)
    await owner`select pg_terminate_backend(${backend?.pid ?? 0})`
    await failed
    // Queries that were under way may fail once more each; none may wait for a time limit.
    let code: unknown
    do {
      code = await sql`select 1`.then(
        () => 'answered',
        (error) => error.code,
      )
      expect(code).not.toBe('CONNECT_TIMEOUT')
    } while (code !== 'answered')
    await sql.end({ timeout: 0 })
  }
}, 60_000)
