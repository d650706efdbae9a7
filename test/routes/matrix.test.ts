import { afterAll, describe, expect } from 'vitest'
import { APART, routesOf } from '../../src/api-docs/openapi.ts'
import {
  admin,
  alice,
  bob,
  type Caller,
  foreignAdmin,
  type LedgerApp,
  service,
  test,
} from '../support/routes/ledger-app.ts'
import { STRANGERS } from '../support/strangers.ts'

const PAGE = new TextEncoder().encode('<!doctype html>')

test.override('parts', {
  web: async () =>
    new Map([
      ['wallet.html', PAGE],
      ['admin.html', PAGE],
    ]),
  demo: { session: async () => ({ token: 'a token', userId: 'demo', expiresAt: '' }) },
})

let api: LedgerApp
test.beforeAll(async ({ api: opened }) => {
  api = opened
  const root: Caller = { sub: 'root', roles: ['admin'] }
  for (const { sub: userId } of [alice, bob, service, admin]) {
    const gift = { userId, amount: 10_000, description: 'to begin with' }
    await api.call(root, 'POST /transactions/adjustment', gift)
  }
  await api.call({ sub: 'treasury' }, 'GET /transactions/balance')
  await api.call(foreignAdmin, 'GET /transactions/balance')
})

/** Opens something of alice's and gives its id. */
const opened =
  (request: string, body: object, by: Caller = alice) =>
  async () =>
    (await api.call(by, request, body)).body.id as string

const topup = opened('POST /transactions/topup', { amount: 5 })
const withdrawal = opened('POST /transactions/withdrawal', { amount: 5 })
const hold = opened('POST /transactions/hold', { amount: 5 })
const payment = opened('POST /transactions', { type: 'booking_payment', amount: 5 })
const monitor = async () =>
  (
    await api.call(alice, 'PUT /transactions/monitors', {
      threshold: Math.ceil(Math.random() * 1e6),
      direction: 'below',
    })
  ).body.id as string
const limit = async () => {
  await api.call(admin, 'PUT /transactions/limits', {
    userId: 'alice',
    type: 'hold',
    maxAmount: 1e6,
  })
  return ''
}

const revocation = async () => {
  const { body } = await api.call(admin, 'POST /admin/revocations', { tokenId: 'matrix' })
  return body.id as string
}

interface Row {
  /** What the route answers to alice, whose things these are; to bob; a service; an admin; an admin of another tenant. */
  answers: readonly [alice: number, bob: number, service: number, admin: number, foreign: number]
  /** Makes what the path's `:id` names, anew for every caller. */
  id?: () => Promise<string>
  search?: string
  body?: object
  /** Anyone may call it, with a good token, a bad one or none, and gets this status. */
  open?: number
}

const row = (...answers: Row['answers']): Row => ({ answers })
const anyone = (status: number): Row => ({
  ...row(status, status, status, status, status),
  open: status,
})

/** Every route. One that is missing here fails the suite. */
const MATRIX: Record<string, Row> = {
  'POST /transactions/topup': { ...row(201, 201, 201, 201, 201), body: { amount: 1 } },
  'POST /transactions/topup/:id/cancel': { ...row(200, 404, 404, 404, 404), id: topup },
  'PATCH /transactions/topup/:id/process': {
    ...row(403, 403, 403, 200, 404),
    id: topup,
    body: { status: 'failed' },
  },
  'GET /transactions/topup/pending': row(403, 403, 403, 200, 200),
  'GET /transactions/topup/all': row(403, 403, 403, 200, 200),
  'POST /transactions': {
    ...row(201, 403, 201, 403, 403),
    body: { type: 'booking_payment', amount: 1, userId: 'alice' },
  },
  'POST /transactions/:id/refund': {
    ...row(403, 403, 201, 201, 404),
    id: payment,
    body: { amount: 1 },
  },
  'POST /transactions/transfer': {
    ...row(201, 201, 201, 201, 402),
    body: { toUserId: 'treasury', amount: 1 },
  },
  'POST /transactions/adjustment': {
    ...row(403, 403, 403, 201, 201),
    body: { userId: 'dora', amount: 1, description: 'matrix' },
  },
  'POST /transactions/withdrawal': { ...row(201, 201, 201, 201, 402), body: { amount: 1 } },
  'PATCH /transactions/withdrawal/:id/process': {
    ...row(403, 403, 403, 200, 404),
    id: withdrawal,
    body: { status: 'failed' },
  },
  'POST /transactions/hold': {
    ...row(201, 403, 201, 403, 403),
    body: { amount: 1, userId: 'alice' },
  },
  'POST /transactions/hold/:id/capture': {
    ...row(200, 404, 200, 404, 404),
    id: hold,
    body: { amount: 1 },
  },
  'POST /transactions/hold/:id/void': { ...row(200, 404, 200, 404, 404), id: hold },
  'GET /transactions/balance/all': {
    ...row(200, 403, 403, 200, 404),
    search: '?userId=alice',
  },
  'GET /transactions/balance/cached': { ...row(200, 403, 403, 200, 404), search: '?userId=alice' },
  'GET /transactions/balance': { ...row(200, 403, 403, 200, 404), search: '?userId=alice' },
  'POST /transactions/bulk': {
    ...row(200, 200, 200, 200, 200),
    body: { commands: [{ type: 'topup', amount: 1 }] },
  },
  'GET /transactions/can-afford': {
    ...row(200, 403, 200, 200, 200),
    search: '?userId=alice&amount=1',
  },
  'GET /transactions/balance/series': { ...row(200, 403, 403, 200, 200), search: '?userId=alice' },
  'GET /transactions/balance/snapshot': {
    ...row(200, 403, 403, 200, 404),
    search: '?userId=alice',
  },
  'GET /transactions/my-transactions': row(200, 200, 200, 200, 200),
  'GET /transactions/all': row(403, 403, 403, 200, 200),
  'GET /transactions/export': { ...row(200, 403, 403, 200, 200), search: '?userId=alice' },
  'GET /transactions/:id': { ...row(200, 404, 404, 200, 404), id: payment },
  'GET /transactions/verify/:userId': { ...row(403, 403, 403, 200, 404), id: async () => 'bob' },
  'GET /transactions/audit': row(403, 403, 403, 200, 200),
  'POST /transactions/recalculate/:userId': {
    ...row(403, 403, 403, 200, 404),
    id: async () => 'bob',
  },
  'POST /transactions/recalculate-all': row(403, 403, 403, 200, 200),
  'GET /transactions/monitors': { ...row(200, 403, 403, 200, 200), search: '?userId=alice' },
  'PUT /transactions/monitors': {
    ...row(200, 403, 403, 200, 200),
    body: { userId: 'alice', threshold: 1, direction: 'above' },
  },
  'DELETE /transactions/monitors': { ...row(200, 403, 403, 200, 200), search: '?userId=alice' },
  'DELETE /transactions/monitors/:id': { ...row(200, 404, 404, 404, 404), id: monitor },
  'GET /transactions/limits': row(403, 403, 403, 200, 200),
  'PUT /transactions/limits': {
    ...row(403, 403, 403, 200, 200),
    body: { userId: 'alice', type: 'withdrawal', maxAmount: 1e6 },
  },
  'DELETE /transactions/limits': {
    ...row(403, 403, 403, 200, 404),
    id: limit,
    search: '?userId=alice&type=hold',
  },
  'GET /balance/events': { ...row(200, 403, 403, 200, 200), search: '?userId=alice' },
  'POST /balance/ticket': row(201, 201, 201, 201, 201),
  'GET /health/live': anyone(200),
  'GET /health/ready': anyone(200),
  'GET /metrics': anyone(200),
  'GET /openapi.json': anyone(200),
  'GET /asyncapi.json': anyone(200),
  'GET /docs': anyone(200),
  'POST /admin/revocations': { ...row(403, 403, 403, 201, 201), body: { userId: 'dora' } },
  'GET /admin/revocations': row(403, 403, 403, 200, 200),
  'DELETE /admin/revocations/:id': { ...row(403, 403, 403, 200, 404), id: revocation },
  'GET /admin/wallets': row(403, 403, 403, 200, 200),
  'GET /admin/requests': row(403, 403, 403, 200, 200),
  'GET /admin/system': row(403, 403, 403, 200, 200),
  // The pages are for everyone; what they show asks for a token.
  'GET /': anyone(200),
  'GET /admin': anyone(200),
  'GET /session.json': anyone(200),
  'GET /assets/:name': anyone(404),
  // Only a request from this machine finds it, and here nobody knows where a request comes from.
  'POST /demo/session': { ...anyone(404), body: { as: 'admin' } },
}

const CALLERS = { alice, bob, service, admin, 'an admin of another tenant': foreignAdmin }

let cells = 0
afterAll(() => console.log(`authorization matrix: ${cells} cells`))

async function request(name: string, row: Row, headers: Record<string, string>, id: string) {
  const [method = '', path = ''] = name.split(' ')
  cells++
  return api.app.request(path.replace(/:\w+/, id) + (row.search ?? ''), {
    method,
    headers: { ...headers, ...(row.body && { 'Content-Type': 'application/json' }) },
    ...(row.body && { body: JSON.stringify(row.body) }),
  })
}

test('the matrix has a row for every route, and none too many', () => {
  const routes = routesOf(api.app).map(({ name }) => name)
  expect(Object.keys(MATRIX).sort()).toEqual(routes.sort())
  for (const name of APART) if (!(name in MATRIX)) expect(routes).not.toContain(name)
})

describe.each(Object.entries(MATRIX))('%s', (name, row) => {
  test('opens to nobody without a good token', async () => {
    const id = '019a4e5c-0000-7000-8000-000000000001'
    for (const [stranger, token] of Object.entries(STRANGERS)) {
      const value = await token()
      const headers: Record<string, string> = value ? { Authorization: `Bearer ${value}` } : {}
      const response = await request(name, row, headers, id)
      expect([stranger, response.status]).toEqual([stranger, row.open ?? 401])
      if (row.open) continue
      const { details = {}, ...envelope } = (await response.json()) as Record<string, object>
      expect(Object.keys(envelope).sort()).toEqual(['code', 'message', 'requestId'])
      expect(['reason', 'claim']).toEqual(expect.arrayContaining(Object.keys(details)))
    }
  })

  test('opens to those whom it is for, within their tenant', async () => {
    const answers: [string, number][] = []
    for (const [who, caller] of Object.entries(CALLERS)) {
      const id = await row.id?.()
      const response = await api.call(
        caller,
        `${name.replace(/:\w+/, id ?? '')}${row.search ?? ''}`,
        row.body,
      )
      cells++
      answers.push([who, response.status])
    }
    expect(answers).toEqual(Object.keys(CALLERS).map((who, i) => [who, row.answers[i]]))
  })
})

test('what an admin of another tenant reads or does leaves no trace of this one', async () => {
  const wallet = async () => (await api.call(alice, 'GET /transactions/balance')).body
  const before = await wallet()
  const { body } = await api.call(foreignAdmin, 'GET /transactions/balance?userId=alice')
  expect(body.balance).not.toBe(before.balance)
  await api.call(foreignAdmin, 'POST /transactions/adjustment', {
    userId: 'alice',
    amount: 999,
    description: 'the other alice',
  })
  expect(await wallet()).toEqual(before)
})
