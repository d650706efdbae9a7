import { test as base } from 'vitest'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { createDatabase, createEmptyDatabase } from './database.ts'

/**
 * Tests on a real Postgres. What a file asks for is opened once, before its first test that asks, and closed after its
 * last; `emptyDatabase` and `emptyOwner` are each test's own.
 */
export const test = base
  .extend('database', { scope: 'file' }, async ({}, { onCleanup }) => {
    const database = await createDatabase()
    onCleanup(() => database.drop())
    return database
  })
  /** Connections as the role that the server works as. */
  .extend('sql', { scope: 'file' }, async ({ database }, { onCleanup }) =>
    closedLater(connect(database.appUrl, { max: 4 }), onCleanup),
  )
  /** Connections as the owner of every table. */
  .extend('owner', { scope: 'file' }, async ({ database }, { onCleanup }) =>
    closedLater(connect(database.ownerUrl, { max: 2 }), onCleanup),
  )
  /** Without any table. */
  .extend('emptyDatabase', async ({}, { onCleanup }) => {
    const database = await createEmptyDatabase()
    onCleanup(() => database.drop())
    return database
  })
  .extend('emptyOwner', async ({ emptyDatabase }, { onCleanup }) =>
    closedLater(connect(emptyDatabase.ownerUrl, { max: 1 }), onCleanup),
  )

function closedLater(sql: Sql, onCleanup: (close: () => Promise<void>) => void): Sql {
  onCleanup(() => sql.end({ timeout: 1 }))
  return sql
}
