import { describe, expect } from 'vitest'
import {
  admin,
  alice,
  bob,
  foreignAdmin,
  type LedgerApp,
  test,
} from '../support/routes/ledger-app.ts'

let api: LedgerApp
test.beforeAll(async ({ api: opened }) => {
  api = opened
  await api.fund('alice', 500)
  await api.fund('bob', 1)
})

const trailOf = async (id: string) => (await api.call(admin, `GET /admin/transactions/${id}`)).body
const pay = async (amount: number, more = {}) =>
  (await api.call(alice, 'POST /transactions', { type: 'booking_payment', amount, ...more })).body
    .id as string
/** Entries and events before and after what is looked for. */
const crowd = async () => {
  for (let i = 0; i < 5; i++) await pay(1)
}

test('a topup: who opened it, who decided, its entry in the chain, and its events', async () => {
  await crowd()
  const { body: topup } = await api.call(alice, 'POST /transactions/topup', { amount: 12.5 })
  await crowd()
  const pending = await trailOf(topup.id)
  expect(pending).toMatchObject({ createdBy: 'alice', entries: [], deeds: [] })
  await api.call(admin, `PATCH /transactions/topup/${topup.id}/process`, { status: 'success' })
  await crowd()
  const trail = await trailOf(topup.id)
  expect(trail.transaction).toMatchObject({ id: topup.id, processedBy: 'ada', status: 'success' })
  expect(trail.entries).toEqual([
    expect.objectContaining({
      debit: { kind: 'cash', userId: null },
      credit: { kind: 'wallet', userId: 'alice' },
      ...{ amount: 12.5, hash: expect.stringMatching(/^[0-9a-f]{64}$/), fits: true },
      newBalance: trail.transaction.newBalance,
    }),
  ])
  expect(trail.events.map(({ event }: { event: string }) => event)).toEqual([
    'balance_updated',
    'transaction_completed',
  ])
  expect(trail.deeds).toEqual([
    expect.objectContaining({ deed: 'topup_process', actor: 'ada', result: 'done' }),
  ])
})

test('a payment with its refund, a hold with its capture, and both sides of a transfer', async () => {
  const payment = await pay(20)
  await crowd()
  const refund = await api.call(admin, `POST /transactions/${payment}/refund`, { amount: 5 })
  const related = async (id: string) =>
    (await trailOf(id)).related.map(({ id }: { id: string }) => id)
  expect(await related(payment)).toEqual([refund.body.id])
  expect(await related(refund.body.id)).toEqual([payment])
  expect((await trailOf(payment)).entries).toHaveLength(1)

  const { body: hold } = await api.call(alice, 'POST /transactions/hold', { amount: 30 })
  await crowd()
  await api.call(alice, `POST /transactions/hold/${hold.id}/capture`, { amount: 10 })
  const held = await trailOf(hold.id)
  expect(held.entries).toEqual([expect.objectContaining({ amount: 10 })])
  expect(held.events.length).toBeGreaterThan(1)

  const { body: sent } = await api.call(alice, 'POST /transactions/transfer', {
    ...{ toUserId: 'bob', amount: 3 },
  })
  const [received] = await related(sent.id)
  expect((await trailOf(received)).transaction).toMatchObject({ userId: 'bob', amount: 3 })
})

test('what webhooks got of its events, and what still waits', async () => {
  const { body: webhook } = await api.call(admin, 'POST /admin/webhooks', {
    url: 'https://shop.invalid/',
  })
  const payment = await pay(2)
  const { events } = await trailOf(payment)
  const [first, last] = [events[0].seq, events.at(-1).seq]
  const owner = await api.owner()
  // As the queue leaves it after a failure and a success.
  await owner`
    insert into webhook_cursors (endpoint_id, wallet_id, acked_seq, last_seq)
    select ${webhook.id}, id, ${first - 1}, ${last} from wallets where user_id = 'alice'`
  await owner`
    insert into webhook_attempts (endpoint_id, user_id, from_seq, to_seq, delivered, status, error, duration_ms)
    values (${webhook.id}, 'alice', ${first}, ${first}, false, 500, 'status 500', 12),
      (${webhook.id}, 'alice', ${first - 1}, ${first - 1}, true, 204, null, 12)`
  expect((await trailOf(payment)).webhooks).toEqual([
    expect.objectContaining({
      ...{ id: webhook.id, state: 'waiting' },
      attempts: [expect.objectContaining({ error: 'status 500', fromSeq: first })],
    }),
  ])
  await owner`update webhook_cursors set acked_seq = ${last}`
  expect((await trailOf(payment)).webhooks[0].state).toBe('done')
})

describe('it finds everything', () => {
  test('also where the clock was set back', async () => {
    const payment = await pay(4)
    await crowd()
    const owner = await api.owner()
    await owner`
      update transactions set created_at = created_at + interval '1 hour', updated_at = updated_at + interval '1 hour'
      where id = ${payment}`
    // By its time it would be after the newest entry.
    expect((await trailOf(payment)).entries).toEqual([])
    await owner`
      insert into clock_steps select account_id, version from entries where transaction_id = ${payment}`
    const trail = await trailOf(payment)
    expect(trail.entries).toEqual([expect.objectContaining({ amount: 4 })])
    expect(trail.events).toHaveLength(2)
  })

  test('and says of an entry that it was altered', async () => {
    const payment = await pay(6)
    const owner = await api.owner()
    await owner`alter table entries disable trigger user`
    await owner`
      update entries set created_at = created_at - interval '1 microsecond' where transaction_id = ${payment}`
    await owner`update transactions set created_at = created_at - interval '1 second' where id = ${payment}`
    expect((await trailOf(payment)).entries).toEqual([expect.objectContaining({ fits: false })])
  })
})

test('nobody else sees it', async () => {
  const payment = await pay(1)
  const statusFor = async (caller: typeof alice) =>
    (await api.call(caller, `GET /admin/transactions/${payment}`)).status
  expect([await statusFor(foreignAdmin), await statusFor(alice), await statusFor(bob)]).toEqual([
    ...[404, 403, 403],
  ])
})
