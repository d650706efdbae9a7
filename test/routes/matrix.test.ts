import { afterAll, describe, expect } from 'vitest'
import { APART, routesOf } from '../../src/api-docs/openapi.ts'
import { newSubscription } from '../support/deliveries/push-service.ts'
import { mintToken } from '../support/index.ts'
import {
  admin,
  alice,
  bob,
  type Caller,
  foreignAdmin,
  type LedgerApp,
  operator,
  service,
  test,
} from '../support/routes/ledger-app.ts'
import { openDebt, waitingEvent } from '../support/routes/provider-events.ts'
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
  const inEuro = { userId: 'alice', amount: 1_000, currency: 'EUR', description: 'to begin with' }
  await api.call(root, 'POST /transactions/adjustment', inEuro)
  // Above which two admins must agree.
  const fourEyes = Object.entries({ USD: 15_000, EUR: 10 }).map(([currency, amount]) => ({
    ...{ currency, amount },
  }))
  await api.call(root, 'PUT /admin/settings', { fourEyes })
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
const first: Caller = { sub: 'first', roles: ['admin'] }
const adjustment = opened(
  'POST /transactions/adjustment',
  { userId: 'alice', amount: 20_000, description: 'needs two' },
  first,
)
const refund = async () => {
  const large = { type: 'booking_payment', amount: 12, currency: 'EUR' }
  const { body } = await api.call(alice, 'POST /transactions', large)
  const asked = await api.call(first, `POST /transactions/${body.id}/refund`, {})
  return asked.body.id as string
}
const monitor = async () =>
  (
    await api.call(alice, 'PUT /transactions/monitors', {
      threshold: Math.ceil(Math.random() * 1e6),
      direction: 'below',
    })
  ).body.id as string
const savedMethod = async () => {
  const method = { userId: 'alice', customer: 'cus_1', paymentMethod: 'pm_1' }
  await api.call(service, 'PUT /transactions/auto-topup/method', method)
  return ''
}
const autoTopup = async () => {
  await savedMethod()
  const rule = { threshold: 5, amount: 20, cap: 100, userId: 'alice' }
  await api.call(service, 'PUT /transactions/auto-topup', rule)
  return ''
}
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

const alicesBrowser = newSubscription('https://push.invalid/alice')
const alicesDevice = opened('POST /balance/push', { subscription: alicesBrowser.json })
const device = async () => {
  const { json } = newSubscription(`https://push.invalid/${Math.random()}`)
  return (await api.call(alice, 'POST /balance/push', { subscription: json })).body.id as string
}

/** Nothing is sent: no process of this test delivers, and the host does not exist. */
const webhook = async () => {
  const { body } = await api.call(admin, 'POST /admin/webhooks', { url: 'https://shop.invalid/' })
  return body.id as string
}

/** Of the other tenant, with every role that a key can have: one for everything, one for a little. */
const foreignKeys = { whole: '', narrow: '' }
test.beforeAll(async () => {
  // Every caller gets things of their own.
  await api.call(operator, 'PATCH /platform/tenants/default', { maxWebhooks: 1000 })
  await api.call(operator, 'POST /platform/tenants', { id: 'other', name: 'Other' })
  const asked = { tenant: 'other', name: 'matrix', roles: ['admin', 'service'] }
  const keyWith = async (scopes: string[] | null) =>
    (await api.call(operator, 'POST /platform/keys', { ...asked, scopes })).body.key as string
  foreignKeys.whole = await keyWith(null)
  foreignKeys.narrow = await keyWith(['webhooks:read'])
})

let made = 0
/** Of the tenant `default`, with the role that every admin has. */
const key = async () => {
  const { body } = await api.call(admin, 'POST /admin/keys', { name: 'shop', roles: ['admin'] })
  return body.id as string
}
const tenant = async () => {
  const { body } = await api.call(operator, 'POST /platform/tenants', {
    ...{ id: `acme-${++made}`, name: 'Acme' },
  })
  return body.id as string
}

interface Row {
  /** What the route answers to alice, whose things these are; to bob; a service; an admin; an admin of another tenant. */
  answers: readonly [alice: number, bob: number, service: number, admin: number, foreign: number]
  /** Makes what the path's `:id` names, anew for every caller. */
  id?: () => Promise<string>
  search?: string
  body?: object
  /** It concerns the caller's own wallet alone, so it is closed to an operator who acts as an admin. */
  own?: true
  /** What it answers to an operator, if it is the platform's, or for operators too. */
  operator?: number
  /** Anyone may call it, with a good token, a bad one or none, and gets this status. */
  open?: number
}

const row = (...answers: Row['answers']): Row => ({ answers })
const own = (...answers: Row['answers']): Row => ({ answers, own: true })
/** For operators alone. */
const platform = (status: number): Row => ({ ...row(403, 403, 403, 403, 403), operator: status })
const anyone = (status: number): Row => ({
  ...row(status, status, status, status, status),
  open: status,
})

/** Every route. One that is missing here fails the suite. */
const MATRIX: Record<string, Row> = {
  'POST /transactions/topup': { ...own(201, 201, 201, 201, 201), body: { amount: 1 } },
  'POST /transactions/topup/:id/cancel': { ...own(200, 404, 404, 404, 404), id: topup },
  'PATCH /transactions/topup/:id/process': {
    ...row(403, 403, 200, 200, 404),
    id: topup,
    body: { status: 'failed' },
  },
  'GET /transactions/topup/pending': row(403, 403, 403, 200, 200),
  'GET /transactions/topup/all': row(403, 403, 403, 200, 200),
  'POST /transactions': {
    ...own(201, 403, 201, 403, 403),
    body: { type: 'booking_payment', amount: 1, userId: 'alice' },
  },
  'POST /transactions/:id/refund': {
    ...row(403, 403, 201, 201, 404),
    id: payment,
    body: { amount: 1 },
  },
  'POST /transactions/transfer': {
    ...own(201, 201, 201, 201, 402),
    body: { toUserId: 'treasury', amount: 1 },
  },
  'POST /transactions/adjustment': {
    ...row(403, 403, 403, 201, 201),
    body: { userId: 'dora', amount: 1, description: 'matrix' },
  },
  'PATCH /transactions/adjustment/:id/process': {
    ...row(403, 403, 403, 200, 404),
    id: adjustment,
    body: { status: 'failed' },
  },
  'PATCH /transactions/refund/:id/process': {
    ...row(403, 403, 403, 200, 404),
    id: refund,
    body: { status: 'failed' },
  },
  'POST /transactions/withdrawal': { ...own(201, 201, 201, 201, 402), body: { amount: 1 } },
  'PATCH /transactions/withdrawal/:id/process': {
    ...row(403, 403, 403, 200, 404),
    id: withdrawal,
    body: { status: 'failed' },
  },
  'POST /transactions/hold': {
    ...own(201, 403, 201, 403, 403),
    body: { amount: 1, userId: 'alice' },
  },
  'POST /transactions/hold/:id/capture': {
    ...own(200, 404, 200, 404, 404),
    id: hold,
    body: { amount: 1 },
  },
  'POST /transactions/hold/:id/extend': {
    ...own(200, 404, 200, 404, 404),
    id: hold,
    body: { amount: 1, expiresIn: 60 },
  },
  'POST /transactions/hold/:id/void': { ...own(200, 404, 200, 404, 404), id: hold },
  'GET /transactions/balance/all': {
    ...row(200, 403, 403, 200, 404),
    search: '?userId=alice',
  },
  'GET /transactions/balance/cached': { ...row(200, 403, 403, 200, 404), search: '?userId=alice' },
  'GET /transactions/balance': { ...row(200, 403, 403, 200, 404), search: '?userId=alice' },
  'POST /transactions/bulk': {
    ...own(200, 200, 200, 200, 200),
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
  'GET /transactions/my-transactions': own(200, 200, 200, 200, 200),
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
  'DELETE /transactions/monitors/:id': { ...own(200, 404, 404, 404, 404), id: monitor },
  'GET /transactions/limits': row(403, 403, 403, 200, 200),
  'GET /transactions/limits/usage': { ...row(200, 403, 200, 200, 200), search: '?userId=alice' },
  'PUT /transactions/limits': {
    ...row(403, 403, 403, 200, 200),
    body: { userId: 'alice', type: 'withdrawal', maxAmount: 1e6 },
  },
  'DELETE /transactions/limits': {
    ...row(403, 403, 403, 200, 404),
    id: limit,
    search: '?userId=alice&type=hold',
  },
  'GET /transactions/wallets/:userId/freeze': {
    ...row(403, 403, 403, 200, 404),
    id: async () => 'bob',
  },
  'POST /transactions/wallets/:userId/freeze': {
    ...row(403, 403, 403, 200, 404),
    id: async () => 'bob',
    body: { debits: false, credits: true },
  },
  'DELETE /transactions/wallets/:userId/freeze': {
    ...row(403, 403, 403, 200, 404),
    id: async () => 'bob',
  },
  'GET /balance/events': { ...row(200, 403, 403, 200, 200), search: '?userId=alice' },
  'POST /balance/push': {
    // In the same browser, who signs in last has it.
    ...own(201, 201, 201, 201, 201),
    body: { subscription: alicesBrowser.json },
  },
  'GET /balance/push': own(200, 200, 200, 200, 200),
  'PUT /balance/push/settings': { ...own(200, 200, 200, 200, 200), body: { quietHours: null } },
  'PUT /balance/push/visible': {
    ...own(200, 200, 200, 200, 200),
    body: { tab: '019a4e5c-0000-7000-8000-000000000001', visible: true },
  },
  'DELETE /balance/push': {
    ...own(200, 404, 404, 404, 404),
    id: alicesDevice,
    search: `?endpoint=${encodeURIComponent(alicesBrowser.json.endpoint)}`,
  },
  'DELETE /balance/push/:id': { ...own(200, 404, 404, 404, 404), id: device },
  'POST /balance/ticket': row(201, 201, 201, 201, 201),
  'GET /health/live': anyone(200),
  'GET /health/ready': anyone(200),
  'GET /metrics': anyone(200),
  'GET /openapi.json': anyone(200),
  'GET /asyncapi.json': anyone(200),
  'GET /docs': anyone(200),
  'GET /admin/limits': row(403, 403, 403, 200, 200),
  'GET /admin/monitors': row(403, 403, 403, 200, 200),
  'GET /admin/transactions/:id': { ...row(403, 403, 403, 200, 404), id: payment },
  'GET /admin/search': { ...row(403, 403, 403, 200, 200), search: '?q=alice' },
  'GET /admin/deeds': row(403, 403, 403, 200, 200),
  'GET /admin/deeds/export': row(403, 403, 403, 200, 200),
  'GET /admin/analytics': row(403, 403, 403, 200, 200),
  'GET /admin/analytics/movers': row(403, 403, 403, 200, 200),
  'GET /admin/analytics/dormant': row(403, 403, 403, 200, 200),
  'GET /admin/analytics/new-wallets': row(403, 403, 403, 200, 200),
  'GET /admin/analytics/refusals': row(403, 403, 403, 200, 200),
  'GET /admin/analytics/cohorts': row(403, 403, 403, 200, 200),
  'GET /admin/analytics/updates': row(403, 403, 403, 200, 200),
  'GET /admin/settings': row(403, 403, 403, 200, 200),
  'PUT /admin/settings': {
    ...row(403, 403, 403, 200, 200),
    body: { fourEyes: [{ currency: 'KWD', amount: 5000 }] },
  },
  'POST /admin/revocations': { ...row(403, 403, 403, 201, 201), body: { userId: 'dora' } },
  'GET /admin/revocations': row(403, 403, 403, 200, 200),
  'DELETE /admin/revocations/:id': { ...row(403, 403, 403, 200, 404), id: revocation },
  'POST /admin/webhooks': {
    ...row(403, 403, 403, 201, 201),
    body: { url: 'https://shop.example.com/' },
  },
  'GET /admin/webhooks': row(403, 403, 403, 200, 200),
  'GET /admin/webhooks/:id': { ...row(403, 403, 403, 200, 404), id: webhook },
  'PATCH /admin/webhooks/:id': {
    ...row(403, 403, 403, 200, 404),
    id: webhook,
    body: { paused: true },
  },
  'DELETE /admin/webhooks/:id': { ...row(403, 403, 403, 200, 404), id: webhook },
  'POST /admin/webhooks/:id/rotate': {
    ...row(403, 403, 403, 200, 404),
    id: webhook,
    body: {},
  },
  'POST /admin/webhooks/:id/test': { ...row(403, 403, 403, 200, 404), id: webhook, body: {} },
  'GET /admin/webhooks/:id/deliveries': { ...row(403, 403, 403, 200, 404), id: webhook },
  'POST /admin/webhooks/:id/replay': {
    ...row(403, 403, 403, 200, 404),
    id: webhook,
    body: { userId: 'alice', afterSeq: 0 },
  },
  'POST /admin/keys': {
    ...row(403, 403, 403, 201, 201),
    body: { name: 'shop', roles: ['admin'] },
  },
  'GET /admin/keys': row(403, 403, 403, 200, 200),
  'POST /admin/keys/:id/rotate': { ...row(403, 403, 403, 200, 404), id: key, body: {} },
  'DELETE /admin/keys/:id': { ...row(403, 403, 403, 200, 404), id: key },
  'POST /platform/tenants': { ...platform(201), body: { id: 'made', name: 'Made' } },
  'GET /platform/tenants': platform(200),
  'GET /platform/tenants/:id': { ...platform(200), id: tenant },
  'PATCH /platform/tenants/:id': { ...platform(200), id: tenant, body: { name: 'Renamed' } },
  'POST /platform/tenants/:id/suspend': { ...platform(200), id: tenant, body: {} },
  'POST /platform/tenants/:id/resume': { ...platform(200), id: tenant, body: {} },
  'GET /platform/tenants/:id/usage': { ...platform(200), id: tenant },
  'POST /platform/tenants/:id/token': { ...platform(201), id: tenant, body: {} },
  'POST /platform/keys': {
    ...platform(201),
    body: { tenant: 'default', name: 'shop', roles: ['service'] },
  },
  'GET /platform/keys': platform(200),
  'POST /platform/keys/:id/rotate': { ...platform(200), id: key, body: {} },
  'DELETE /platform/keys/:id': { ...platform(200), id: key },
  'GET /admin/wallets': row(403, 403, 403, 200, 200),
  'GET /admin/requests': row(403, 403, 403, 200, 200),
  'GET /admin/session': row(200, 200, 200, 200, 200),
  'GET /admin/system': { ...row(403, 403, 403, 200, 200), operator: 200 },
  'GET /transactions/auto-topup': { ...row(200, 403, 200, 200, 200), search: '?userId=alice' },
  'PUT /transactions/auto-topup': {
    ...row(200, 403, 200, 200, 409),
    id: savedMethod,
    body: { threshold: 5, amount: 20, cap: 100, userId: 'alice' },
  },
  'DELETE /transactions/auto-topup': {
    ...row(200, 403, 200, 200, 404),
    id: autoTopup,
    search: '?userId=alice',
  },
  'PUT /transactions/auto-topup/method': {
    ...row(403, 403, 200, 200, 200),
    body: { userId: 'dora', customer: 'cus_1', paymentMethod: 'pm_1' },
  },
  'DELETE /transactions/auto-topup/method': {
    ...row(200, 403, 200, 200, 404),
    id: savedMethod,
    search: '?userId=alice',
  },
  'GET /admin/provider-events': row(403, 403, 403, 200, 200),
  'POST /admin/provider-events/:id/resolve': {
    ...row(403, 403, 403, 200, 404),
    id: () => waitingEvent(api),
    body: { resolution: 'paid back' },
  },
  'GET /admin/debts': row(403, 403, 403, 200, 200),
  'POST /admin/debts/:id/settle': {
    ...row(403, 403, 403, 200, 404),
    id: () => openDebt(api),
    body: { action: 'write_off' },
  },
  // None is configured here. Their requests have a signature in place of a token.
  'POST /providers/stripe': { ...anyone(404), body: {} },
  'POST /providers/signed': { ...anyone(404), body: {} },
  // Only for the pages of this server, which no request here comes from.
  'POST /sign-in/begin': { ...anyone(403), body: { page: 'wallet' } },
  'POST /sign-in/finish': { ...anyone(403), body: { state: 'a', proof: 'b', code: 'c' } },
  'POST /sign-in/end': { ...own(403, 403, 403, 403, 403), body: { page: 'wallet' } },
  // The pages are for everyone; what they show asks for a token.
  'GET /': anyone(200),
  'GET /admin': anyone(200),
  'GET /sign-in': anyone(200),
  'GET /session.json': anyone(200),
  'GET /worker.js': anyone(404),
  'GET /manifest.webmanifest': anyone(404),
  'GET /assets/:name': anyone(404),
  // Only a request from this machine finds it, and here nobody knows where a request comes from.
  'POST /demo/session': { ...anyone(404), body: { as: 'admin' } },
}

const CALLERS = { alice, bob, service, admin, 'an admin of another tenant': foreignAdmin }

/** With which opal acts as an admin of the first tenant. */
let acting = ''
test.beforeAll(async () => {
  acting = (await api.call(operator, 'POST /platform/tenants/default/token', {})).body.token
})

/** A tenant with keys of its own. */
const OWN = { id: 'own-keys', secret: 'the own secret of a tenant, of more than 32 bytes' }
test.beforeAll(async () => {
  const identity = { secret: OWN.secret }
  await api.call(operator, 'POST /platform/tenants', { id: OWN.id, name: 'Own', identity })
})

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
    if (row.operator === undefined) return
    const path = name.replace(/:\w+/, (await row.id?.()) ?? '')
    expect((await api.call(operator, path, row.body)).status).toBe(row.operator)
  })
})

/** What a caller gets who has a text in place of a token. */
async function statusBy(bearer: string, name: string, row: Row) {
  const path = name.replace(/:\w+/, (await row.id?.()) ?? '')
  const headers = { Authorization: `Bearer ${bearer}` }
  cells++
  return (await api.call(null, `${path}${row.search ?? ''}`, row.body, headers)).status
}

describe.each(Object.entries(MATRIX).filter(([, row]) => row.open === undefined))(
  '%s',
  (name, row) => {
    test('opens to a key as to a token of its tenant with its roles, and not beyond its scopes', async () => {
      const both = { sub: 'opal', roles: ['admin', 'service'], tenant: 'other' }
      const byToken = await statusBy(await mintToken(both), name, row)
      expect(await statusBy(foreignKeys.whole, name, row)).toBe(byToken)
      const mayRead = /^GET \/admin\/webhooks/.test(name)
      expect(await statusBy(foreignKeys.narrow, name, row)).toBe(mayRead ? byToken : 403)
    })

    test('opens to an operator as to any user, unless it is the platform’s', async () => {
      const byUser = await statusBy(await mintToken({ sub: 'opal' }), name, row)
      if (row.operator) return expect(byUser).toBe(403)
      expect(await statusBy(await mintToken(operator), name, row)).toBe(byUser)
    })

    test('opens to an operator who acts as an admin as to any admin, unless it is about a wallet of theirs', async () => {
      if (row.own) {
        const id = async () => '019a4e5c-0000-7000-8000-000000000001'
        return expect(await statusBy(acting, name, { ...row, id })).toBe(403)
      }
      const byAdmin = await statusBy(await mintToken({ sub: 'opal', roles: ['admin'] }), name, row)
      expect(await statusBy(acting, name, row)).toBe(byAdmin)
    })

    test('opens to no operator whom a tenant’s own keys call one', async () => {
      const roles = ['operator', 'admin', 'service']
      const own = await mintToken({ sub: 'opal', roles, tenant: OWN.id, secret: OWN.secret })
      const status = await statusBy(own, name, row)
      if (row.operator) expect(status).toBe(row.answers[4])
      // Of the first tenant it sees as little as an admin of another one.
      else if (row.id) expect([200, 201]).not.toContain(row.answers[4] === 404 ? status : 404)
    })
  },
)

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
