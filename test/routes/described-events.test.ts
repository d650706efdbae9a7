import { afterAll, beforeAll, expect, test } from 'vitest'
import { SENT } from '../../src/api-docs/events.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { type EventRow, toEvent } from '../../src/ledger/rows.ts'
import { connect } from '../../src/postgres/database.ts'
import { fromLedger } from '../../src/realtime/stream/frame.ts'
import { admin, alice, type LedgerApp, ledgerApp } from '../support/routes/ledger-app.ts'

let it: LedgerApp
beforeAll(async () => {
  it = await ledgerApp()
  await it.fund('alice', 100)
})
afterAll(() => it.close())

/** The statuses that the document names in an event's description. */
const statusesOf = (event: 'transaction_completed' | 'transaction_failed') =>
  [...String(SENT[event].meta()?.description).matchAll(/`(\w+)`/g)].map(([, status]) => status)

test('a recalculation tells a balance as the document describes it', async () => {
  const { status } = await it.call(admin, 'POST /transactions/recalculate/alice')
  expect(status).toBe(200)
  const [row] = await it.sql<{ json: EventRow }[]>`
    select to_json(e) as json from event_stream e order by seq desc limit 1`
  if (!row) throw new Error('nothing was told')
  const frame = fromLedger(toEvent(row.json), 'e1')
  expect(frame.event).toBe('balance_updated')
  expect(SENT.balance_updated.strict().parse(frame.payload)).toEqual(frame.payload)
})

/** What is told when a topup or a hold ends, in order: event and status. */
async function toldOf(begin: () => Promise<string>, end: (id: string) => Promise<unknown>) {
  const id = await begin()
  await end(id)
  return it.sql`select event, status from events where transaction_id = ${id} order by seq`
}

const topup = async () =>
  (await it.call(alice, 'POST /transactions/topup', { amount: 5 })).body.id as string
const hold = async () =>
  (await it.call(alice, 'POST /transactions/hold', { amount: 5 })).body.id as string
const process = (status: string) => (id: string) =>
  it.call(admin, `PATCH /transactions/topup/${id}/process`, { status })

/** As the server ends a hold whose time is over. */
async function expire(id: string) {
  const owner = connect(it.database.ownerUrl, { max: 1 })
  await owner`update transactions set expires_at = created_at where id = ${id}`
  await owner.end()
  const command = {
    op: 'hold_expire',
    tenant: 'default',
    actor: 'system',
    transactionId: id,
  } as const
  expect(await new Executor(it.sql).execute(command)).toMatchObject({ ok: true })
}

test.each([
  ['an approved topup', topup, process('success'), 'success'],
  [
    'a captured hold',
    hold,
    (id: string) => it.call(alice, `POST /transactions/hold/${id}/capture`),
    'success',
  ],
  ['a rejected topup', topup, process('failed'), 'failed'],
  [
    'a cancelled topup',
    topup,
    (id: string) => it.call(alice, `POST /transactions/topup/${id}/cancel`),
    'cancelled',
  ],
  [
    'a voided hold',
    hold,
    (id: string) => it.call(alice, `POST /transactions/hold/${id}/void`),
    'cancelled',
  ],
  ['an expired hold', hold, expire, 'expired'],
])('%s is told as the document describes it', async (_, begin, end, status) => {
  const told = await toldOf(begin, end)
  const event = status === 'success' ? 'transaction_completed' : 'transaction_failed'
  expect(told.map((row) => row.event)).toEqual(
    status === 'success' ? ['balance_updated', event] : [event],
  )
  expect(told.at(-1)?.status).toBe(status)
  expect(statusesOf(event)).toContain(status)
})

test('no status is described twice, and each that is final once', () => {
  const all = [...statusesOf('transaction_completed'), ...statusesOf('transaction_failed')]
  expect(all.sort()).toEqual(['cancelled', 'expired', 'failed', 'success'])
})
