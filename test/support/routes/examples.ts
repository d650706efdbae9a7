import { newSubscription } from '../deliveries/push-service.ts'
import { admin, alice, type Caller, type LedgerApp, operator } from './ledger-app.ts'
import { openDebt, waitingEvent } from './provider-events.ts'

const root: Caller = { sub: 'root', roles: ['admin'] }

/** What the examples are about: alice with money, and bob to send some to. */
export async function prepare(api: LedgerApp): Promise<void> {
  const gift = { userId: 'alice', amount: 10_000, description: 'to begin with' }
  await api.call(root, 'POST /transactions/adjustment', gift)
  for (const caller of [{ sub: 'bob' }, operator]) {
    await api.call(caller, 'GET /transactions/balance')
  }
}

/** Opens something of alice's and gives its id. */
const opened = (request: string, body: object) => async (api: LedgerApp) =>
  (await api.call(alice, request, body)).body.id as string
const topup = opened('POST /transactions/topup', { amount: 5 })
const withdrawal = opened('POST /transactions/withdrawal', { amount: 5 })
const hold = opened('POST /transactions/hold', { amount: 5 })
const payment = opened('POST /transactions', { type: 'booking_payment', amount: 5 })

/** Opened by root, who cannot decide it. Above 100 USD a second admin must agree. */
const waitingFor =
  (open: (api: LedgerApp) => Promise<[request: string, body: object]>) =>
  async (api: LedgerApp) => {
    await api.call(root, 'PUT /admin/settings', { fourEyes: [{ currency: 'USD', amount: 100 }] })
    return (await api.call(root, ...(await open(api)))).body.id as string
  }
const adjustment = waitingFor(async () => [
  'POST /transactions/adjustment',
  { userId: 'alice', amount: 101, description: 'a large gift' },
])
const largePayment = opened('POST /transactions', { type: 'booking_payment', amount: 101 })
const refund = waitingFor(async (api) => [
  `POST /transactions/${await largePayment(api)}/refund`,
  { amount: 101 },
])

const SUBSCRIPTION = newSubscription('https://push.example.com/alice')

const HOOK = { url: 'https://shop.example.com/hook' }
let turn = 0
/** One of two webhooks, by turns, because a tenant can have only so many. */
async function webhook(api: LedgerApp): Promise<string> {
  const { body } = await api.call(admin, 'GET /admin/webhooks')
  turn = 1 - turn
  const known = body.items.filter(({ url }: { url: string }) => url === `${HOOK.url}/${turn}`)
  if (known.length > 0) return known[0].id
  return (await api.call(admin, 'POST /admin/webhooks', { url: `${HOOK.url}/${turn}` })).body.id
}

const key = async (api: LedgerApp) =>
  (await api.call(admin, 'POST /admin/keys', { name: 'shop', roles: ['admin'] })).body.id as string

let tenants = 0
const tenant = async (api: LedgerApp) =>
  (await api.call(operator, 'POST /platform/tenants', { id: `made-${++tenants}`, name: 'Acme' }))
    .body.id as string

export interface Example {
  by: Caller
  /** Makes what the path's parameter names. */
  id?: (api: LedgerApp) => Promise<string>
  body?: object
  /** The same route asked for something else; left out where it takes no fields. */
  other?: object
}

/** A good request of every POST and PATCH. One that is missing fails idempotency.test.ts. */
export const EXAMPLES: Record<string, Example> = {
  'POST /transactions/topup': { by: alice, body: { amount: 1 }, other: { amount: 2 } },
  'POST /transactions/topup/:id/cancel': {
    by: alice,
    id: topup,
    other: { metadata: { reason: 'a mistake' } },
  },
  'PATCH /transactions/topup/:id/process': {
    by: admin,
    id: topup,
    body: { status: 'success' },
    other: { status: 'failed' },
  },
  'POST /transactions': {
    by: alice,
    body: { type: 'booking_payment', amount: 1 },
    other: { type: 'booking_payment', amount: 1, referenceId: 'b-1' },
  },
  'POST /transactions/bulk': {
    by: alice,
    body: { commands: [{ type: 'topup', amount: 1 }] },
    other: { commands: [{ type: 'topup', amount: 1 }], atomic: true },
  },
  'POST /transactions/:id/refund': {
    by: admin,
    id: payment,
    body: { amount: 1 },
    other: { amount: 2 },
  },
  'POST /transactions/transfer': {
    by: alice,
    body: { toUserId: 'bob', amount: 1 },
    other: { toUserId: 'bob', amount: 1, description: 'rent' },
  },
  'POST /transactions/adjustment': {
    by: admin,
    body: { userId: 'alice', amount: 1, description: 'a gift' },
    other: { userId: 'alice', amount: -1, description: 'a gift' },
  },
  'POST /transactions/withdrawal': { by: alice, body: { amount: 1 }, other: { amount: 2 } },
  'PATCH /transactions/withdrawal/:id/process': {
    by: admin,
    id: withdrawal,
    body: { status: 'success' },
    other: { status: 'success', adminNotes: 'paid out' },
  },
  'POST /transactions/hold': {
    by: alice,
    body: { amount: 1 },
    other: { amount: 1, expiresIn: 60 },
  },
  'POST /transactions/hold/:id/capture': {
    by: alice,
    id: hold,
    body: { amount: 1 },
    other: { amount: 2 },
  },
  'POST /transactions/hold/:id/extend': {
    by: alice,
    id: hold,
    body: { amount: 1 },
    other: { expiresIn: 60 },
  },
  'POST /transactions/hold/:id/void': {
    by: alice,
    id: hold,
    other: { metadata: { reason: 'a mistake' } },
  },
  'POST /transactions/recalculate/:userId': { by: admin, id: async () => 'alice' },
  'POST /transactions/recalculate-all': { by: admin },
  'POST /balance/ticket': { by: alice },
  'POST /admin/provider-events/:id/resolve': {
    by: admin,
    id: waitingEvent,
    body: { resolution: 'paid back' },
    other: { resolution: 'credited by hand' },
  },
  'POST /admin/debts/:id/settle': {
    by: admin,
    id: openDebt,
    body: { action: 'write_off' },
    other: { action: 'collect' },
  },
  'PATCH /transactions/adjustment/:id/process': {
    by: admin,
    id: adjustment,
    body: { status: 'success' },
    other: { status: 'failed' },
  },
  'PATCH /transactions/refund/:id/process': {
    by: admin,
    id: refund,
    body: { status: 'success' },
    other: { status: 'failed' },
  },
  'POST /transactions/wallets/:userId/freeze': {
    by: admin,
    id: async () => 'bob',
    body: { debits: true },
    other: { debits: true, reason: 'asked by the bank' },
  },
  'POST /admin/webhooks': { by: admin, body: HOOK, other: { ...HOOK, userIds: ['alice'] } },
  'PATCH /admin/webhooks/:id': {
    by: admin,
    id: webhook,
    body: { paused: true },
    other: { paused: false },
  },
  'POST /admin/webhooks/:id/rotate': {
    by: admin,
    id: webhook,
    body: { overlapSeconds: 60 },
    other: { overlapSeconds: 61 },
  },
  'POST /admin/webhooks/:id/test': { by: admin, id: webhook, body: {} },
  'POST /admin/webhooks/:id/replay': {
    by: admin,
    id: webhook,
    body: { userId: 'alice', afterSeq: 1 },
    other: { userId: 'alice', afterSeq: 2 },
  },
  'POST /balance/push': {
    by: alice,
    body: { subscription: SUBSCRIPTION.json },
    other: { subscription: SUBSCRIPTION.json, figures: false },
  },
  'POST /admin/revocations': {
    by: admin,
    body: { tokenId: 'a-lost-one', reason: 'lost' },
    other: { tokenId: 'another' },
  },
  'POST /admin/keys': {
    by: admin,
    body: { name: 'shop', roles: ['admin'] },
    other: { name: 'another', roles: ['admin'] },
  },
  'POST /admin/keys/:id/rotate': { by: admin, id: key, body: {}, other: { overlapSeconds: 60 } },
  'PATCH /platform/tenants/:id': {
    by: operator,
    id: tenant,
    body: { name: 'Renamed' },
    other: { name: 'Renamed again' },
  },
  'POST /platform/tenants/:id/suspend': {
    by: operator,
    id: tenant,
    body: { reason: 'unpaid' },
    other: { reason: 'fraud' },
  },
  'POST /platform/tenants/:id/resume': { by: operator, id: tenant, body: {} },
  'POST /platform/tenants/:id/token': { by: operator, id: tenant, body: {} },
  'POST /platform/keys': {
    by: operator,
    body: { tenant: 'default', name: 'shop', roles: ['service'] },
    other: { tenant: 'default', name: 'another', roles: ['service'] },
  },
  'POST /platform/keys/:id/rotate': {
    by: operator,
    id: key,
    body: {},
    other: { overlapSeconds: 60 },
  },
}
