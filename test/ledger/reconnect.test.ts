import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, type Sql } from '../../src/ledger/database.ts'
import { createDatabase, type TestDatabase } from '../environment/index.ts'

/** A connection is caught with something still to be sent in about one of six. */
const ROUNDS = 40

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

/** Asks in every turn of the event loop until an answer fails. */
function askUntilFailure(sql: Sql): Promise<void> {
  return new Promise((resolve) => {
    let over = false
    const ask = () => {
      if (over) return
      sql`select 1`.catch(() => {
        over = true
        resolve()
      })
      setImmediate(ask)
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
