import { expect } from 'vitest'
import { test } from '../support/ledger/sample.ts'

test('the backlog is as old as its oldest change, however often somebody took it up', async ({
  ledger,
}) => {
  const { store } = ledger
  expect(await store.backlog()).toEqual({ rows: 0, oldestSeconds: 0 })
  await ledger.fund('alice', 5n)
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

test('a commit whose events are gone is claimed with none, so that its row can go', async ({
  ledger,
}) => {
  const { store } = ledger
  await ledger.fund('erin', 5n)
  await ledger.owner`delete from event_rows where wallet_id = (select id from wallets where user_id = 'erin')`
  const claimed = await store.claim(10, 0)
  expect(claimed).toEqual([{ outboxId: expect.any(String), events: [] }])
  await store.acknowledge(claimed.map(({ outboxId }) => outboxId))
  expect(await store.claim(10, 0)).toEqual([])
})

test('a wallet that a commit touched without an event does not hide how old it is', async ({
  ledger,
}) => {
  const { store } = ledger
  await ledger.fund('carol', 5n)
  await store.acknowledge((await store.claim(10, 0)).map(({ outboxId }) => outboxId))
  const [asked, given] = await Promise.all([
    ledger.run({ op: 'topup_request', userId: 'carol', amount: 5n }),
    ledger.run({ op: 'adjustment', actor: 'admin', userId: 'dave', amount: 5n }),
  ])
  expect([asked.ok, given.ok]).toEqual([true, true])
  const backlog = await store.backlog()
  expect(backlog.rows).toBe(1)
  expect(backlog.oldestSeconds).toBeGreaterThan(0)
})
