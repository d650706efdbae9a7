import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, type Sql } from '../../src/ledger/database.ts'
import { PostgresEventStore } from '../../src/ledger/event-store.ts'
import { BatchingExecutor } from '../../src/ledger/executor.ts'
import { PostgresOverview } from '../../src/ledger/overview.ts'
import { createDatabase, type TestDatabase } from '../environment/index.ts'

let database: TestDatabase
let sql: Sql
beforeAll(async () => {
  database = await createDatabase()
  sql = connect(database.appUrl, { max: 2 })
})
afterAll(async () => {
  await sql.end()
  await database.drop()
})

test('the backlog is as old as its oldest change, however often somebody took it up', async () => {
  const overview = new PostgresOverview(sql)
  const store = await PostgresEventStore.open(sql)
  expect(await overview.backlog()).toEqual({ rows: 0, oldestSeconds: 0 })
  const executor = new BatchingExecutor(sql)
  const gift = { op: 'adjustment', tenant: 'default', actor: 'ada', amount: 5n } as const
  await executor.execute({ ...gift, userId: 'alice', currency: 'USD' })
  const committed = await overview.backlog()
  expect(committed.rows).toBe(1)
  expect(committed.oldestSeconds).toBeGreaterThan(0)

  const [claimed] = await store.claim(10, 0)
  const taken = await overview.backlog()
  expect(taken.rows).toBe(1)
  expect(taken.oldestSeconds).toBeGreaterThan(committed.oldestSeconds)

  await store.acknowledge([claimed?.outboxId ?? ''])
  expect(await overview.backlog()).toEqual({ rows: 0, oldestSeconds: 0 })
})
