import { admin, alice, type Caller, type LedgerApp } from './ledger-app.ts'

/** What the examples are about: alice with money, and bob to send some to. */
export async function prepare(api: LedgerApp): Promise<void> {
  const gift = { userId: 'alice', amount: 10_000, description: 'to begin with' }
  await api.call({ sub: 'root', roles: ['admin'] }, 'POST /transactions/adjustment', gift)
  await api.call({ sub: 'bob' }, 'GET /transactions/balance')
}

/** Opens something of alice's and gives its id. */
const opened = (request: string, body: object) => async (api: LedgerApp) =>
  (await api.call(alice, request, body)).body.id as string
const topup = opened('POST /transactions/topup', { amount: 5 })
const withdrawal = opened('POST /transactions/withdrawal', { amount: 5 })
const hold = opened('POST /transactions/hold', { amount: 5 })
const payment = opened('POST /transactions', { type: 'booking_payment', amount: 5 })

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
  'POST /transactions/hold/:id/void': {
    by: alice,
    id: hold,
    other: { metadata: { reason: 'a mistake' } },
  },
  'POST /transactions/recalculate/:userId': { by: admin, id: async () => 'alice' },
  'POST /transactions/recalculate-all': { by: admin },
  'POST /balance/ticket': { by: alice },
  'POST /admin/revocations': {
    by: admin,
    body: { tokenId: 'a-lost-one', reason: 'lost' },
    other: { tokenId: 'another' },
  },
}
