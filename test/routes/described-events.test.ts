import { expect } from 'vitest'
import { SENT } from '../../src/api-docs/events.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { type EventRow, toEvent } from '../../src/ledger/rows.ts'
import { connect } from '../../src/postgres/database.ts'
import { fromLedger } from '../../src/realtime/stream/frame.ts'
import { admin, alice, type LedgerApp, test } from '../support/routes/ledger-app.ts'

test.beforeAll(async ({ api }) => {
  await api.fund('alice', 100)
})

/** The statuses that the document names in an event's description. */
const statusesOf = (event: 'transaction_completed' | 'transaction_failed') =>
  [...String(SENT[event].meta()?.description).matchAll(/`(\w+)`/g)].map(([, status]) => status)

test('a recalculation tells a balance as the document describes it', async ({ api }) => {
  const { status } = await api.call(admin, 'POST /transactions/recalculate/alice')
  expect(status).toBe(200)
  const [row] = await api.sql<{ json: EventRow }[]>`
    select to_json(e) as json from event_stream e order by seq desc limit 1`
  if (!row) throw new Error('nothing was told')
  const frame = fromLedger(toEvent(row.json), 'e1')
  expect(frame.event).toBe('balance_updated')
  expect(SENT.balance_updated.strict().parse(frame.payload)).toEqual(frame.payload)
})

/** What is told when a topup or a hold ends, in order: event and status. */
async function toldOf(
  api: LedgerApp,
  begin: (api: LedgerApp) => Promise<string>,
  end: (api: LedgerApp, id: string) => Promise<unknown>,
) {
  const id = await begin(api)
  await end(api, id)
  return api.sql`select event, status from events where transaction_id = ${id} order by seq`
}

const topup = async (api: LedgerApp) =>
  (await api.call(alice, 'POST /transactions/topup', { amount: 5 })).body.id as string
const hold = async (api: LedgerApp) =>
  (await api.call(alice, 'POST /transactions/hold', { amount: 5 })).body.id as string
const process = (status: string) => (api: LedgerApp, id: string) =>
  api.call(admin, `PATCH /transactions/topup/${id}/process`, { status })

/** As the server ends a hold whose time is over. */
async function expire(api: LedgerApp, id: string) {
  const owner = connect(api.database.ownerUrl, { max: 1 })
  await owner`update transactions set expires_at = created_at where id = ${id}`
  await owner.end()
  const command = {
    op: 'hold_expire',
    tenant: 'default',
    actor: 'system',
    transactionId: id,
  } as const
  expect(await new Executor(api.sql).execute(command)).toMatchObject({ ok: true })
}

test.for<
  [
    string,
    (api: LedgerApp) => Promise<string>,
    (api: LedgerApp, id: string) => Promise<unknown>,
    string,
  ]
>([
  ['an approved topup', topup, process('success'), 'success'],
  [
    'a captured hold',
    hold,
    (api: LedgerApp, id: string) => api.call(alice, `POST /transactions/hold/${id}/capture`),
    'success',
  ],
  ['a rejected topup', topup, process('failed'), 'failed'],
  [
    'a cancelled topup',
    topup,
    (api: LedgerApp, id: string) => api.call(alice, `POST /transactions/topup/${id}/cancel`),
    'cancelled',
  ],
  [
    'a voided hold',
    hold,
    (api: LedgerApp, id: string) => api.call(alice, `POST /transactions/hold/${id}/void`),
    'cancelled',
  ],
  ['an expired hold', hold, expire, 'expired'],
])('%s is told as the document describes it', async ([, begin, end, status], { api }) => {
  const told = await toldOf(api, begin, end)
  const freed = begin === hold ? ['available_changed'] : []
  if (begin === hold) expect(told.shift()?.event, 'its opening').toBe('available_changed')
  const event = status === 'success' ? 'transaction_completed' : 'transaction_failed'
  expect(told.map((row) => row.event)).toEqual(
    status === 'success' ? ['balance_updated', event] : [...freed, event],
  )
  expect(told.at(-1)?.status).toBe(status)
  expect(statusesOf(event)).toContain(status)
})

test('no status is described twice, and each that is final once', () => {
  const all = [...statusesOf('transaction_completed'), ...statusesOf('transaction_failed')]
  expect(all.sort()).toEqual(['cancelled', 'expired', 'failed', 'success'])
})
