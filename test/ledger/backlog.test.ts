import { afterAll, beforeAll, expect, test } from 'vitest'
import { PostgresEventStore } from '../../src/ledger/event-store.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { createDatabase, type TestDatabase } from '../support/index.ts'

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
  const store = await PostgresEventStore.open(sql)
  expect(await store.backlog()).toEqual({ rows: 0, oldestSeconds: 0 })
  const executor = new Executor(sql)
  const gift = { op: 'adjustment', tenant: 'default', actor: 'ada', amount: 5n } as const
  await executor.execute({ ...gift, userId: 'alice', currency: 'USD' })
  const committed = await store.backlog()
  expect(committed.rows).toBe(1)
  expect(committed.oldestSeconds).toBeGreaterThan(0)

  const [claimed] = await store.claim(10, 0)
  const taken = await store.backlog()
  expect(taken.rows).toBe(1)
  expect(taken.oldestSeconds).toBeGreaterThan(committed.oldestSeconds)

  await store.acknowledge([claimed?.outboxId ?? ''])
  expect(await store.backlog()).toEqual({ rows: 0, oldestSeconds: 0 })
})

test('a commit whose events are gone is claimed with none, so that its row can go', async () => {
  const store = await PostgresEventStore.open(sql)
  const owner = connect(database.ownerUrl, { max: 1 })
  const gift = { op: 'adjustment', tenant: 'default', actor: 'ada', amount: 5n } as const
  await new Executor(sql).execute({ ...gift, userId: 'erin', currency: 'USD' })
  await owner`delete from events where wallet_id = (select id from wallets where user_id = 'erin')`
  await owner.end()
  const claimed = await store.claim(10, 0)
  expect(claimed).toEqual([{ outboxId: expect.any(String), events: [] }])
  await store.acknowledge(claimed.map(({ outboxId }) => outboxId))
  expect(await store.claim(10, 0)).toEqual([])
})

test('a wallet that a commit touched without an event does not hide how old it is', async () => {
  const executor = new Executor(sql)
  const named = { tenant: 'default', actor: 'ada', amount: 5n, currency: 'USD' } as const
  const store = await PostgresEventStore.open(sql)
  await executor.execute({ ...named, op: 'adjustment', userId: 'carol' })
  await store.acknowledge((await store.claim(10, 0)).map(({ outboxId }) => outboxId))
  const [asked, given] = await Promise.all([
    executor.execute({ ...named, op: 'topup_request', userId: 'carol', actor: 'carol' }),
    executor.execute({ ...named, op: 'adjustment', userId: 'dave' }),
  ])
  expect([asked.ok, given.ok]).toEqual([true, true])
  const backlog = await store.backlog()
  expect(backlog.rows).toBe(1)
  expect(backlog.oldestSeconds).toBeGreaterThan(0)
})
