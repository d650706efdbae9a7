import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { inject } from 'vitest'
import './provided.ts'

export interface TestDatabase {
  ownerUrl: string
  appUrl: string
  /** Ends whatever is still connected. */
  drop(): Promise<void>
}

/** A migrated, otherwise empty database of its own: one per test file, in `beforeAll`. Takes some 50 ms. */
export async function createDatabase(): Promise<TestDatabase> {
  const template = new URL(inject('templateUrls').owner).pathname.slice(1)
  const database = await create(`template ${template}`)
  // The channel is shared: with the template's epoch, the events of another file would count as this one's.
  await run(database.ownerUrl, 'select renew_epoch()')
  return database
}

/** A database without any table, for tests of the migrations themselves. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return create('')
}

async function create(options: string): Promise<TestDatabase> {
  const urls = inject('templateUrls')
  const name = `test_${randomBytes(8).toString('hex')}`
  await administer(urls.owner, `create database ${name} ${options}`)
  return {
    ownerUrl: withDatabase(urls.owner, name),
    appUrl: withDatabase(urls.app, name),
    drop: () => administer(urls.owner, `drop database if exists ${name} with (force)`),
  }
}

function administer(ownerUrl: string, statement: string): Promise<void> {
  return run(withDatabase(ownerUrl, 'postgres'), statement)
}

async function run(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    await sql.unsafe(statement)
  } finally {
    await sql.end()
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.href
}
