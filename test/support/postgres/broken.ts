import { expect } from 'vitest'
import { connect, type Sql } from '../../../src/postgres/database.ts'

/** One in six or so catches the connection with something still to be sent, one in four between error and close. */
const ROUNDS = 20

/** Ends a connection to `url` again and again while a query is about to be sent, and asks until one is answered. */
export async function expectReconnects(url: string, owner: Sql): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const sql = connect(url, { max: 1 })
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
}

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
