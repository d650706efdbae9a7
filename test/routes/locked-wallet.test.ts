import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { Auditor } from '../../src/ledger/auditor.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { IdempotencyStore } from '../../src/ledger/idempotency-store.ts'
import { LimitsAndAlerts } from '../../src/ledger/limits-and-alerts.ts'
import { Reader } from '../../src/ledger/reader.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { contentsOf } from '../support/index.ts'
import {
  admin,
  alice,
  test as base,
  bob,
  type Caller,
  type LedgerApp,
  ledgerApp,
  service,
} from '../support/routes/ledger-app.ts'

/** `api` without what answers: `served` is the same database on pools that the test made small. */
const test = base
  .extend('pool', { scope: 'file' }, async ({ api }, { onCleanup }) => {
    const pools: Sql[] = []
    onCleanup(async () => void (await Promise.all(pools.map((sql) => sql.end({ timeout: 1 })))))
    return (max: number, url = api.database.appUrl) => {
      const sql = connect(url, { max })
      pools.push(sql)
      return sql
    }
  })
  // As a server shares them out, but so few that each call meets those that wait.
  .extend('served', { scope: 'file' }, async ({ pool }, { onCleanup }) => {
    const readers = pool(1)
    const served = await ledgerApp({
      executor: new Executor(pool(2), { retryForMs: 300 }),
      reader: new Reader(readers),
      limitsAndAlerts: new LimitsAndAlerts(readers),
      idempotency: new IdempotencyStore(pool(1), { waitTimeoutMs: 300 }),
      auditor: new Auditor(pool(1)),
    })
    onCleanup(() => served.close())
    return served
  })

let direct: LedgerApp
let api: LedgerApp
let owner: Sql
const ids = { topup: '', withdrawal: '', hold: '', payment: '' }
const post = async (caller: Caller, path: string, body: object) =>
  (await direct.call(caller, `POST /transactions${path}`, body)).body.id as string

test.beforeAll(async ({ api: opened, served, pool }) => {
  direct = opened
  api = served
  owner = pool(1, direct.database.ownerUrl)
  for (const user of ['alice', 'bob']) await direct.fund(user, 1_000)
  ids.topup = await post(alice, '/topup', { amount: 5 })
  ids.withdrawal = await post(alice, '/withdrawal', { amount: 5 })
  ids.hold = await post(alice, '/hold', { amount: 5, userId: 'alice' })
  ids.payment = await post(alice, '', { type: 'booking_payment', amount: 5 })
})

const monitor = { threshold: 5, direction: 'below' }
const limit = { userId: 'alice', type: 'booking_payment', maxAmount: 5 }

/** Every write that is about alice's wallet. */
const WRITES: [caller: Caller, request: () => string, body?: object][] = [
  [alice, () => 'POST /transactions', { type: 'booking_payment', amount: 1 }],
  [service, () => 'POST /transactions', { type: 'booking_payment', amount: 1, userId: 'alice' }],
  [alice, () => 'POST /transactions/topup', { amount: 1 }],
  [alice, () => `POST /transactions/topup/${ids.topup}/cancel`, {}],
  [admin, () => `PATCH /transactions/topup/${ids.topup}/process`, { status: 'success' }],
  [alice, () => 'POST /transactions/withdrawal', { amount: 1 }],
  [admin, () => `PATCH /transactions/withdrawal/${ids.withdrawal}/process`, { status: 'failed' }],
  [alice, () => 'POST /transactions/hold', { amount: 1 }],
  [alice, () => `POST /transactions/hold/${ids.hold}/capture`, {}],
  [alice, () => `POST /transactions/hold/${ids.hold}/void`, {}],
  [alice, () => 'POST /transactions/transfer', { toUserId: 'bob', amount: 1 }],
  [bob, () => 'POST /transactions/transfer', { toUserId: 'alice', amount: 1 }],
  [
    admin,
    () => 'POST /transactions/adjustment',
    { userId: 'alice', amount: 1, description: 'a gift' },
  ],
  [admin, () => `POST /transactions/${ids.payment}/refund`, {}],
  [alice, () => 'PUT /transactions/monitors', monitor],
  [alice, () => 'DELETE /transactions/monitors'],
  [admin, () => 'PUT /transactions/limits', limit],
  [admin, () => 'DELETE /transactions/limits?userId=alice&type=booking_payment'],
  [admin, () => 'POST /transactions/recalculate/alice', {}],
]

/** Runs `act` while somebody at a prompt has left a transaction open that locks her wallet. */
const whileLocked = (act: () => Promise<void>) =>
  owner.begin(async (locker) => {
    await locker`select from wallets where user_id = 'alice' for update`
    await act()
  })

test('while a wallet is locked from outside nobody else waits, whatever is asked of it; its callers are told to come again, and nothing was done', async () => {
  await direct.call(alice, 'PUT /transactions/monitors', { ...monitor, threshold: 7 })
  await direct.call(admin, 'PUT /transactions/limits', { ...limit, maxAmount: 7 })
  const others = await post(bob, '/topup', { amount: 5 })
  await whileLocked(async () => {
    const before = await contentsOf(direct.sql)
    const asked = WRITES.map(([caller, request, body]) => api.call(caller, request(), body))
    const keyed = WRITES.filter(([, request]) => /^(POST|PATCH)/.test(request())).map(
      ([caller, request, body]) =>
        api.call(caller, request(), body, { 'Idempotency-Key': randomUUID() }),
    )
    for (const { status, body, headers } of await Promise.all([...asked, ...keyed])) {
      expect([status, body.code, headers.get('Retry-After')]).toEqual([503, 'unavailable', '1'])
    }
    expect(await contentsOf(direct.sql)).toEqual(before)

    const again = WRITES.map(([caller, request, body]) => api.call(caller, request(), body))
    const unconcerned = await Promise.all([
      api.call(admin, `PATCH /transactions/topup/${others}/process`, { status: 'success' }),
      api.call(bob, 'POST /transactions', { type: 'booking_payment', amount: 1 }),
      api.call(bob, 'GET /transactions/balance'),
      api.call(alice, 'GET /transactions/balance'),
      api.call(bob, 'PUT /transactions/monitors', monitor),
      api.call(admin, 'POST /transactions/recalculate/bob', {}),
      api.call(admin, 'GET /transactions/verify/alice'),
    ])
    expect(unconcerned.map(({ status }) => status)).toEqual([200, 201, 200, 200, 200, 200, 200])
    await Promise.all(again)
  })
  const after = await api.call(alice, 'POST /transactions', {
    type: 'booking_payment',
    amount: 1,
  })
  expect(after.status).toBe(201)
})
