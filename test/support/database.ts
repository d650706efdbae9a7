import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { inject } from 'vitest'
import { appRoleOf } from '../../src/postgres/app-role.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { TEMPLATE } from './provided.ts'

export interface TestDatabase {
  ownerUrl: string
  appUrl: string
  /** Its own login role, which may use only this database. */
  appRole: string
  /** Ends all remaining connections. */
  drop(): Promise<void>
}

/** The role of applications that call the ledger by SQL: sql/roles.sql. */
export const sqlRoleOf = (appRole: string): string => `${appRole.slice(0, 59)}_sql`

/** A migrated, otherwise empty database of its own: one per test file, in `beforeAll`. Takes some 100 ms. */
export async function createDatabase(): Promise<TestDatabase> {
  const database = await create(`template ${TEMPLATE}`)
  // The channel is shared: with the template's epoch, the events of another file would count as this one's.
  await run(database.ownerUrl, 'select renew_epoch()')
  await migrate(database.ownerUrl)
  return database
}

/** A database without any table, for tests of the migrations themselves. */
export function createEmptyDatabase({
  encoding,
  collation = "locale_provider libc locale 'C'",
}: {
  encoding?: string
  collation?: string
} = {}): Promise<TestDatabase> {
  return create(encoding ? `template template0 encoding ${encoding} ${collation}` : '')
}

async function create(options: string): Promise<TestDatabase> {
  const urls = inject('serverUrls')
  const name = `test_${randomBytes(8).toString('hex')}`
  const appRole = appRoleOf(name)
  await administer(
    urls.owner,
    `create database ${name} ${options}`,
    `create role ${appRole} login password '${appRole}'`,
  )
  const appUrl = new URL(withDatabase(urls.owner, name))
  Object.assign(appUrl, { username: appRole, password: appRole })
  return {
    ownerUrl: withDatabase(urls.owner, name),
    appUrl: appUrl.href,
    appRole,
    drop: () =>
      administer(
        urls.owner,
        `drop database if exists ${name} with (force)`,
        `drop role if exists ${appRole}`,
      ),
  }
}

function administer(ownerUrl: string, ...statements: string[]): Promise<void> {
  return run(withDatabase(ownerUrl, 'postgres'), ...statements)
}

async function run(url: string, ...statements: string[]): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    for (const statement of statements) await sql.unsafe(statement)
  } finally {
    await sql.end()
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.href
}
