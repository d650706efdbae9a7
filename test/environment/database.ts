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
export function createDatabase(): Promise<TestDatabase> {
  const template = new URL(inject('templateUrls').owner).pathname.slice(1)
  return create(`template ${template}`)
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

async function administer(ownerUrl: string, statement: string): Promise<void> {
  const sql = postgres(withDatabase(ownerUrl, 'postgres'), { max: 1, onnotice: () => {} })
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
