import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { createEmptyDatabase, type TestDatabase } from '../support/index.ts'
import { next } from '../support/postgres/next-migration.ts'

vi.mock('../../src/postgres/sql-files.ts', async () =>
  (await import('../support/postgres/next-migration.ts')).withNext(),
)

let database: TestDatabase
let owner: Sql
beforeEach(async () => {
  database = await createEmptyDatabase()
  owner = connect(database.ownerUrl, { max: 1 })
})
afterEach(async () => {
  next.released = false
  await owner.end()
  await database.drop()
})

describe('a function that no file defines any more', () => {
  const functions = async () =>
    (
      await owner<{ signature: string }[]>`
        select oid::regprocedure::text as signature from pg_proc
        where pronamespace = 'public'::regnamespace`
    ).map(({ signature }) => signature)
  const make = (signature: string) =>
    owner.unsafe(`create function ${signature} returns text language sql as 'select null::text'`)
  /** The database of the version before, which lacked the newest migration. */
  const lackNewest = async () => {
    next.released = true
    await owner`delete from schema_files where name = 'migrations/0002_next.sql'`
  }
  const changed = () =>
    owner`update schema_files set checksum = 'x' where name = 'functions/wallet_of.sql'`
  /** As the version before left it, which had functions of its own. */
  async function asBefore() {
    await migrate(database.ownerUrl)
    const now = await functions()
    await make('wallet_of(p_tenant text)')
    await make('long_gone(p_tenant text)')
    await owner`insert into schema_files (name, checksum) values ('functions/long_gone.sql', 'x')`
    await lackNewest()
    return now
  }

  test('goes with the second migration from then, and so does an earlier form of one', async () => {
    const now = await asBefore()
    await make('somebodys_own(p_tenant text)')
    const before = (await functions()).sort()
    await migrate(database.ownerUrl)
    // The version before still runs, and calls it.
    expect((await functions()).sort()).toEqual(before)
    await changed()
    await migrate(database.ownerUrl)
    expect((await functions()).sort()).toEqual(before)
    await lackNewest()
    await migrate(database.ownerUrl)
    expect((await functions()).sort()).toEqual([...now, 'somebodys_own(text)'].sort())
    expect(
      await owner`
        select from schema_files where name like '%long_gone%' or name like 'forgotten/%'`,
    ).toHaveLength(0)
  })

  test('is marked no longer when a file has it again', async () => {
    await asBefore()
    await migrate(database.ownerUrl)
    await owner`
      update schema_files set name = 'forgotten/wallet_of(text,text)'
      where name = 'forgotten/wallet_of(text)'`
    await changed()
    await migrate(database.ownerUrl)
    expect(await owner`select name from schema_files where name like 'forgotten/%'`).toEqual([
      { name: 'forgotten/long_gone(text)' },
    ])
  })

  test('goes at once where a call with as many arguments could mean either', async () => {
    await migrate(database.ownerUrl)
    const now = await functions()
    await make('audit_wallets(p_tenant text, p_after bigint, p_limit integer)')
    await changed()
    await migrate(database.ownerUrl)
    expect((await functions()).sort()).toEqual(now.sort())
    // As the version before calls it.
    expect(await owner`select total from audit_wallets('default', 0, 10)`).toEqual([{ total: '0' }])
  })

  test('stays while no migration says that this version is the newer one', async () => {
    const now = await asBefore()
    await migrate(database.ownerUrl)
    await make('of_a_newer_version(p_tenant text)')
    await owner`
      insert into schema_files (name, checksum) values ('functions/of_a_newer_version.sql', 'x')`
    await changed()
    await migrate(database.ownerUrl)
    const before = ['long_gone(text)', 'wallet_of(text)']
    expect((await functions()).sort()).toEqual(
      [...now, ...before, 'of_a_newer_version(text)'].sort(),
    )
  })

  test('is not taken from who built on it: the migration says so, and nothing has changed', async () => {
    await asBefore()
    await migrate(database.ownerUrl)
    await lackNewest()
    await owner`create view somebodys as select long_gone('x')`
    const before = (await functions()).sort()
    await expect(migrate(database.ownerUrl)).rejects.toThrow(/depend/)
    expect((await functions()).sort()).toEqual(before)
  })
})
