import { afterAll, beforeAll, test } from 'vitest'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { createDatabase, type TestDatabase } from '../support/index.ts'
import { expectReconnects } from './broken.ts'

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

test('a connection that is ended while a query is about to be sent is opened again at once', async () => {
  await expectReconnects(database.appUrl, owner)
}, 60_000)
