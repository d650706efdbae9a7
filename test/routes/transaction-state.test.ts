import { connect } from '../../src/postgres/database.ts'
import { prepare } from '../support/routes/examples.ts'
import { admin, alice, bob, type Caller, foreignAdmin, test } from '../support/routes/ledger-app.ts'
import { refused } from '../support/routes/refused.ts'

/** Ids by what they name. The last two are of no transaction: one is another tenant's. */
const made = { topup: '', done: '', payment: '', hold: '', expired: '', foreign: '' }
const UNKNOWN = '019a4e5c-0000-7000-8000-000000000001'

test.beforeAll(async ({ api }) => {
  await prepare(api)
  const open = async (request: string, body: object, by: Caller = alice) =>
    (await api.call(by, request, body)).body.id as string
  made.topup = await open('POST /transactions/topup', { amount: 5 })
  made.done = await open('POST /transactions/topup', { amount: 5 })
  await api.call(admin, `PATCH /transactions/topup/${made.done}/process`, { status: 'success' })
  made.payment = await open('POST /transactions', { type: 'booking_payment', amount: 5 })
  made.hold = await open('POST /transactions/hold', { amount: 5 }, alice)
  made.expired = await open('POST /transactions/hold', { amount: 5 })
  made.foreign = await open(
    'POST /transactions/topup',
    { amount: 5 },
    { ...alice, tenant: 'other' },
  )
  await api.call(bob, 'POST /transactions/topup', { amount: 1 })
})

const invalid = [400, 'invalid_request'] as const

const rows: [string, Caller, () => string, unknown, readonly [number, string]][] = [
  [
    'a topup processed again',
    admin,
    () => `PATCH /transactions/topup/${made.done}/process`,
    { status: 'failed' },
    [409, 'already_processed'],
  ],
  [
    'a topup processed halfway',
    admin,
    () => `PATCH /transactions/topup/${made.topup}/process`,
    { status: 'pending' },
    invalid,
  ],
  [
    'a topup processed as a withdrawal',
    admin,
    () => `PATCH /transactions/withdrawal/${made.topup}/process`,
    { status: 'success' },
    [409, 'wrong_type'],
  ],
  [
    'a payment processed as a topup',
    admin,
    () => `PATCH /transactions/topup/${made.payment}/process`,
    { status: 'success' },
    [409, 'wrong_type'],
  ],
  [
    'a topup refunded',
    admin,
    () => `POST /transactions/${made.done}/refund`,
    undefined,
    [409, 'wrong_type'],
  ],
  [
    'more refunded than was paid',
    admin,
    () => `POST /transactions/${made.payment}/refund`,
    { amount: 5.01 },
    [422, 'refund_exceeds_payment'],
  ],
  [
    'a hold refunded before its capture',
    admin,
    () => `POST /transactions/${made.hold}/refund`,
    undefined,
    [409, 'not_refundable'],
  ],
  [
    'more captured than is held',
    alice,
    () => `POST /transactions/hold/${made.hold}/capture`,
    { amount: 5.01 },
    [422, 'capture_exceeds_hold'],
  ],
  [
    'another user’s hold captured',
    bob,
    () => `POST /transactions/hold/${made.hold}/capture`,
    undefined,
    [404, 'not_found'],
  ],
  [
    'another user’s topup cancelled',
    bob,
    () => `POST /transactions/topup/${made.topup}/cancel`,
    undefined,
    [404, 'not_found'],
  ],
  [
    'a topup of another tenant',
    admin,
    () => `PATCH /transactions/topup/${made.foreign}/process`,
    { status: 'success' },
    [404, 'not_found'],
  ],
  [
    'a topup of this tenant, from another',
    foreignAdmin,
    () => `PATCH /transactions/topup/${made.topup}/process`,
    { status: 'success' },
    [404, 'not_found'],
  ],
  [
    'a topup nobody made',
    admin,
    () => `PATCH /transactions/topup/${UNKNOWN}/process`,
    { status: 'success' },
    [404, 'not_found'],
  ],
  [
    'a broken UUID',
    admin,
    () => 'PATCH /transactions/topup/019a4e5c/process',
    { status: 'success' },
    invalid,
  ],
  [
    'a UUID with a NUL',
    admin,
    () => `POST /transactions/${made.payment}%00/refund`,
    undefined,
    invalid,
  ],
]
test.for(rows)('%s is refused', ([_, by, request, body, answer], { api }) =>
  refused(api, by, request(), body, answer),
)

test('a hold that has expired, but was not freed yet', async ({ api }) => {
  const owner = connect(api.database.ownerUrl, { max: 1 })
  await owner`update transactions set expires_at = created_at where id = ${made.expired}`
  await owner.end()
  const capture = `POST /transactions/hold/${made.expired}/capture`
  await refused(api, alice, capture, undefined, [409, 'hold_expired'])
})
