import { afterEach, describe, expect, vi } from 'vitest'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { livebalance } from '../support/cli/livebalance.ts'
import { test as base } from '../support/fixtures.ts'
import { eventually } from '../support/index.ts'
import { next } from '../support/postgres/next-migration.ts'

vi.mock('../../src/postgres/sql-files.ts', async () =>
  (await import('../support/postgres/next-migration.ts')).withNext(),
)

const test = base.extend('migrated', { auto: true }, async ({ emptyDatabase }) => {
  await migrate(emptyDatabase.ownerUrl)
})
afterEach(() => {
  next.released = false
})

const replaced = (sql: Sql) =>
  sql.unsafe(`
    create or replace function wallet_of(p_tenant text, p_user_id text) returns bigint
      language sql as 'select 7::bigint';
    update schema_files set checksum = 'x' where name = 'functions/wallet_of.sql';
    update schema_files set checksum = '999999' where name = 'revision'`)
const wallet = async (owner: Sql) => (await owner`select wallet_of('t', 'u')::int as id`)[0]?.id

describe('functions of a newer program, which came without a migration', () => {
  test('stay when an older program starts, which works with them', async ({
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    await replaced(owner)
    const { appRole } = database
    const found = { applied: [], newer: true, appRole, canUseAppRole: true, warnings: [] }
    expect(await migrate(database.appUrl)).toEqual(found)
    await migrate(database.ownerUrl)
    expect(await wallet(owner)).toBe(7)
  })

  test('stay also when they come while the older program waits for its turn', async ({
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    await owner`update schema_files set checksum = 'x' where name = 'functions/uuid_at.sql'`
    const watcher = connect(database.ownerUrl, { max: 1 })
    let older: ReturnType<typeof migrate> | undefined
    await owner.begin(async (tx) => {
      // The lock of migrations: src/postgres/migrate.ts.
      await tx`select pg_advisory_xact_lock(7236178)`
      older = migrate(database.ownerUrl)
      await eventually(async () =>
        expect(
          await watcher`
            select from pg_stat_activity
            where datname = current_database() and wait_event = 'advisory'`,
        ).toHaveLength(1),
      )
      await replaced(tx as unknown as Sql)
    })
    await watcher.end()
    expect(await older).toMatchObject({ applied: [], newer: true })
    expect(await wallet(owner)).toBe(7)
  })

  test('are said by `livebalance migrate`, and are no hindrance to an audit', async ({
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    await replaced(owner)
    const env = { DATABASE_URL: database.ownerUrl }
    expect(await livebalance(env, 'migrate')).toMatchObject({
      code: 0,
      stdout: 'The database is newer than this program and was not changed.\n',
    })
    const { json } = await livebalance(env, 'migrate', '--json')
    expect(json()).toEqual({ applied: [], newer: true })
    expect(await livebalance(env, 'audit')).toMatchObject({ code: 0 })
  })

  test('give way once their number is gone, as docs/guide/deployment.md says', async ({
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    await replaced(owner)
    await owner`delete from schema_files where name = 'revision'`
    expect(await migrate(database.ownerUrl)).toMatchObject({ applied: [], newer: false })
    expect(await wallet(owner)).toBeNull()
  })

  test('give way to those that come with a migration', async ({
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    await replaced(owner)
    next.released = true
    expect(await migrate(database.ownerUrl)).toMatchObject({ newer: false })
    expect(await wallet(owner)).toBeNull()
  })
})
