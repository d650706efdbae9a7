import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { connect } from '../../src/postgres/database.ts'
import { test } from '../support/fixtures.ts'

const STATEMENTS = 50

/** Page faults of a process so far that needed no disk: field 10 of proc_pid_stat(5). */
function minorFaults(pid: number): number {
  const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1) ?? ''
  return Number(afterName.split(' ')[7])
}

test.runIf(process.platform === 'linux')(
  'a session of the private Postgres keeps the memory of one statement for the next',
  async ({ database }) => {
    const sql = connect(database.appUrl, { max: 1 })
    // Four pieces of about 100 kB at a time, as many as a payment needs.
    const use = () => sql`
      select length(a), length(b), length(c), length(d)
      from (select repeat(n::text, 100000) as a, repeat(n::text, 100001) as b, repeat(n::text, 100002) as c,
        repeat(n::text, 100003) as d from generate_series(1, 1) as n offset 0) as pieces`
    try {
      for (let i = 0; i < STATEMENTS; i++) await use()
      const [session] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`
      const before = minorFaults(session?.pid ?? 0)
      for (let i = 0; i < STATEMENTS; i++) await use()
      const faults = (minorFaults(session?.pid ?? 0) - before) / STATEMENTS
      // 100 kB are 25 pages.
      expect(faults).toBeLessThan(25)
    } finally {
      await sql.end()
    }
  },
)
