import { randomUUID } from 'node:crypto'
import { base64url, SignJWT } from 'jose'
import { expect, onTestFinished } from 'vitest'
import { Executor } from '../../src/ledger/executor.ts'
import { HoldExpiry } from '../../src/ledger/maintenance.ts'
import { rollUp } from '../../src/ledger/rollups.ts'
import { createActivity } from '../../src/tenants/activity.ts'
import { TenantStore } from '../../src/tenants/tenant-store.ts'
import { eventually, mintToken } from '../support/index.ts'
import { silent } from '../support/realtime/balance-server.ts'
import { type Caller, type LedgerApp, operator, test } from '../support/routes/ledger-app.ts'

let api: LedgerApp
test.beforeAll(({ api: opened }) => {
  api = opened
})

const SECRET = 'the own secret of a tenant, of more than 32 bytes'

let made = 0
/** Makes a tenant and gives its id. */
async function tenant(settings: object = {}): Promise<string> {
  const id = `t${++made}`
  const body = { id, name: `Tenant ${made}`, ...settings }
  expect((await api.call(operator, 'POST /platform/tenants', body)).status).toBe(201)
  return id
}

const change = (id: string, changes: object) =>
  api.call(operator, `PATCH /platform/tenants/${id}`, changes)

const codeOf = async (caller: Caller, request = 'GET /transactions/balance') => {
  const { status, body } = await api.call(caller, request)
  return status < 300 ? status : [status, body.code]
}

/** Sends a text in place of a token. */
async function withToken(token: string, headers: Record<string, string> = {}) {
  const sent = { Authorization: `Bearer ${token}`, ...headers }
  const { status, body } = await api.call(null, 'GET /transactions/balance', undefined, sent)
  return [status, body?.code ?? null, body?.details?.reason ?? null]
}

test('a tenant is made, found, changed, and shows what is set for it, but not its secret', async () => {
  const id = await tenant({
    currency: 'EUR',
    limits: [{ type: 'booking_payment', currency: 'EUR', maxAmount: 12.5 }],
    identity: { secret: SECRET, issuer: 'https://id.example.com' },
  })
  const { body, text } = await api.call(operator, `GET /platform/tenants/${id}`)
  expect(body).toMatchObject({
    ...{ id, suspended: false, currency: 'EUR', maxConnections: null, createdBy: 'opal' },
    limits: [{ type: 'booking_payment', currency: 'EUR', maxAmount: 12.5, maxSum: null }],
    identity: { kind: 'secret', issuer: 'https://id.example.com', jwksUrl: null },
  })
  expect(text).not.toContain(SECRET)
  const again = await api.call(operator, 'POST /platform/tenants', { id, name: 'again' })
  expect([again.status, again.body.code]).toEqual([409, 'conflict'])

  const changed = await change(id, { name: 'Renamed', identity: null, maxWebhooks: 3 })
  expect(changed.body).toMatchObject({ name: 'Renamed', identity: null, maxWebhooks: 3 })
  expect(changed.body.currency).toBe('EUR')

  const found = await api.call(operator, 'GET /platform/tenants?search=RENAM')
  expect(found.body.items.map((item: { id: string }) => item.id)).toEqual([id])
  const ids: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await api.call(
      operator,
      `GET /platform/tenants?limit=1${cursor && '&cursor='}${cursor}`,
    )
    ids.push(...page.body.items.map((item: { id: string }) => item.id))
    cursor = page.body.nextCursor
  }
  expect(ids).toEqual(expect.arrayContaining(['default', id]))
  expect(new Set(ids).size).toBe(ids.length)
})

test('settings that cannot hold are refused, each with its reason', async () => {
  const id = await tenant()
  for (const [changes, reason] of [
    [{ currency: 'XXX' }, 'currency'],
    [{ identity: { secret: 'short' } }, 'at least 32 bytes'],
    [{ identity: {} }, 'either secret or jwksUrl'],
    [{ identity: { jwksUrl: 'https://10.0.0.1/keys' } }, 'private or reserved'],
    [{ identity: { jwksUrl: 'http://id.example.com/keys' } }, 'https://'],
    [{ allowedOrigins: ['app.example.com'] }, 'must be an origin'],
    [{ limits: [{ type: 'hold', currency: 'USD' }] }, 'Set maxAmount'],
    [{ limits: [{ type: 'hold', currency: 'USD', maxAmount: 0.001 }] }, 'limits.0.maxAmount'],
    [{ maxRate: 0 }, 'maxRate'],
    [{ rateLimits: { reads: 0 } }, 'rateLimits.reads'],
    [{ identity: { secret: `${SECRET}\0` } }, 'cannot be stored'],
    [{ identity: { jwksUrl: 'https://id.example.com/\ud800' } }, 'cannot be stored'],
    [{ identity: { jwksUrl: 'https://[::ffff:7f00:1]/keys' } }, 'private or reserved'],
    [{ identity: { jwksUrl: 'https://169.254.169.254/latest/meta-data' } }, 'private or reserved'],
    [{ identity: { jwksUrl: 'https://ann:pass@id.example.com/keys' } }, 'user or a password'],
    [{ identity: { kind: 'jwks', url: 'http://127.0.0.1/' } }, 'identity'],
    [{ version: 0 }, 'version'],
    [{ unknown: 1 }, 'unknown'],
  ] as const) {
    const { status, body } = await change(id, changes)
    expect([status, body.message]).toEqual([400, expect.stringContaining(reason)])
  }
  const ofDefault = await change('default', { identity: { secret: SECRET } })
  expect(ofDefault.status).toBe(400)
  expect((await change('nobody', { name: 'x' })).status).toBe(404)
})

test('nobody of a suspended tenant is let in, and all goes on after it', async () => {
  const id = await tenant()
  const users: Caller[] = [{ sub: 'ann' }, { sub: 'ada', roles: ['admin'] }]
  const callers = users.map((user) => ({ ...user, tenant: id }))
  const all = () => Promise.all(callers.map((caller) => codeOf(caller)))
  expect(await all()).toEqual([200, 200])
  const suspended = await api.call(operator, `POST /platform/tenants/${id}/suspend`, {
    reason: 'did not pay',
  })
  expect(suspended.body).toMatchObject({ suspended: true, suspendedReason: 'did not pay' })
  expect(await all()).toEqual([
    [403, 'tenant_suspended'],
    [403, 'tenant_suspended'],
  ])
  expect(await codeOf({ sub: 'ann' })).toBe(200)
  // A stranger learns nothing of it.
  expect(await withToken(await mintToken({ sub: 'ann', tenant: id, secret: SECRET }))).toEqual([
    ...[401, 'unauthorized', 'signature'],
  ])
  await api.call(operator, `POST /platform/tenants/${id}/resume`, {})
  expect(await all()).toEqual([200, 200])
})

test('an operator can suspend the tenant of the operators and resume it', async () => {
  await api.call(operator, 'POST /platform/tenants/default/suspend', {})
  expect(await codeOf({ sub: 'ann' })).toEqual([403, 'tenant_suspended'])
  expect((await api.call(operator, 'POST /platform/tenants/default/resume', {})).status).toBe(200)
  expect(await codeOf({ sub: 'ann' })).toBe(200)
})

test('the keys of a tenant open nothing but this tenant, and make nobody an operator', async () => {
  const id = await tenant({ identity: { secret: SECRET } })
  const other = await tenant()
  const own = (claims: object) => mintToken({ sub: 'ann', tenant: id, secret: SECRET, ...claims })
  expect(await withToken(await own({}))).toEqual([200, null, null])

  const badSignature = [401, 'unauthorized', 'signature']
  expect(await withToken(await own({ tenant: other }))).toEqual(badSignature)
  expect(await withToken(await own({ tenant: 'default' }))).toEqual(badSignature)
  const without = await new SignJWT({ sub: 'ann', exp: Math.floor(Date.now() / 1000) + 600 })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(SECRET))
  expect(await withToken(without)).toEqual(badSignature)
  // The server's own key does not open it either.
  expect(await withToken(await mintToken({ sub: 'ann', tenant: id }))).toEqual(badSignature)

  const claims = { sub: 'ann', tenant: id, exp: Math.floor(Date.now() / 1000) + 600 }
  const part = (value: object) => base64url.encode(JSON.stringify(value))
  for (const alg of ['none', 'None', 'HS384', 'RS256']) {
    const bare = `${part({ alg })}.${part(claims)}.`
    expect((await withToken(bare))[0]).toBe(401)
  }
  const hs512 = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS512' })
    .sign(new TextEncoder().encode(SECRET))
  expect(await withToken(hs512)).toEqual([401, 'unauthorized', 'algorithm'])

  const asOperator = { Authorization: `Bearer ${await own({ roles: ['operator', 'admin'] })}` }
  const listed = await api.call(null, 'GET /platform/tenants', undefined, asOperator)
  expect([listed.status, listed.body.code]).toEqual([403, 'forbidden'])
  const wallets = await api.call(null, 'GET /admin/wallets', undefined, asOperator)
  expect(wallets.status).toBe(200)

  await change(id, { identity: { secret: `${SECRET} 2` } })
  expect(await withToken(await own({}))).toEqual(badSignature)
  await change(id, { identity: null })
  expect(await withToken(await mintToken({ sub: 'ann', tenant: id }))).toEqual([200, null, null])
  expect(await withToken(await own({}))).toEqual(badSignature)
})

test('an operator who acts as an admin is not the user of the tenant with their id', async () => {
  const id = await tenant()
  const opal: Caller = { sub: 'opal', tenant: id }
  await api.call({ sub: 'ann', tenant: id }, 'GET /transactions/balance')
  await api.call({ ...opal, sub: 'ada', roles: ['admin'] }, 'POST /transactions/adjustment', {
    ...{ userId: 'opal', amount: 50, description: 'to begin with' },
  })
  const { body } = await api.call(operator, `POST /platform/tenants/${id}/token`, {})
  const act = (request: string, asked?: object) =>
    api.call(null, request, asked, { Authorization: `Bearer ${body.token}` })
  const codeBy = async (request: string, asked?: object) => (await act(request, asked)).body.code

  const toAnn = { toUserId: 'ann', amount: 5 }
  expect(await codeBy('POST /transactions/transfer', toAnn)).toBe('forbidden')
  for (const command of [
    { type: 'transfer', ...toAnn },
    { type: 'topup', amount: 5 },
    { type: 'withdrawal', amount: 5 },
    { type: 'booking_payment', amount: 5 },
    { type: 'hold', amount: 5, userId: 'opal' },
  ]) {
    expect(await codeBy('POST /transactions/bulk', { commands: [command] })).toBe('forbidden')
  }
  expect(await codeBy('GET /transactions/balance')).toBe('forbidden')
  expect(await codeBy('GET /transactions/balance/cached')).toBe('forbidden')
  expect(await codeBy('GET /balance/events')).toBe('forbidden')

  // An admin may look at every user, and what they do to one is on record.
  const found = await act('GET /transactions/balance?userId=opal')
  expect(found.body).toMatchObject({ balance: 50, held: 0 })
  const alert = { userId: 'opal', threshold: 10, direction: 'below' }
  expect((await act('PUT /transactions/monitors', alert)).status).toBe(200)
  const { items } = (await act('GET /admin/deeds?target=opal')).body
  expect(items[0]).toMatchObject({ deed: 'monitor_set', actor: 'opal', userId: 'opal' })

  // Nor does it make a second person of the operator.
  const topup = await api.call(opal, 'POST /transactions/topup', { amount: 5 })
  const approve = `PATCH /transactions/topup/${topup.body.id}/process`
  expect(await codeBy(approve, { status: 'success' })).toBe('self_approval')
})

test('an operator who acts as an admin of a suspended tenant reads everything and writes nothing', async () => {
  const id = await tenant()
  const freeze = 'POST /transactions/wallets/ann/freeze'
  await api.call({ sub: 'ann', tenant: id }, 'GET /transactions/balance')
  await api.call(operator, `POST /platform/tenants/${id}/suspend`, {})
  const { body } = await api.call(operator, `POST /platform/tenants/${id}/token`, {})
  const codeBy = async (request: string, asked?: object) => {
    const headers = { Authorization: `Bearer ${body.token}` }
    const { status, body: told } = await api.call(null, request, asked, headers)
    return status < 300 ? status : [status, told.code]
  }
  const reads = ['/admin/deeds', '/admin/wallets', '/transactions/all', '/admin/session']
  for (const path of reads) expect([path, await codeBy(`GET ${path}`)]).toEqual([path, 200])
  expect(await codeBy('GET /transactions/balance?userId=ann')).toBe(200)
  // For a stream, which is read too.
  expect(await codeBy('POST /balance/ticket', {})).toBe(201)
  const adjustment = { userId: 'ann', amount: 1, description: 'x' }
  for (const [request, asked] of [
    [freeze, { debits: true }],
    ['POST /transactions/adjustment', adjustment],
    ['POST /transactions/bulk', { commands: [{ type: 'admin_adjustment', ...adjustment }] }],
    ['PUT /admin/settings', { fourEyes: [] }],
    ['DELETE /transactions/monitors?userId=ann', undefined],
  ] as const) {
    expect([request, await codeBy(request, asked)]).toEqual([request, [403, 'tenant_suspended']])
  }
  await api.call(operator, `POST /platform/tenants/${id}/resume`, {})
  expect(await codeBy(freeze, { debits: true })).toBe(200)
})

test('analytics and the amounts of requests are in the tenant’s currency', async () => {
  const id = await tenant({ currency: 'JPY' })
  const ada: Caller = { sub: 'ada', roles: ['admin'], tenant: id }
  await rollUp(api.sql)
  const paths = ['', '/movers', '/refusals', '/cohorts']
  for (const path of paths) {
    const { body } = await api.call(ada, `GET /admin/analytics${path}`)
    expect([path, body.currency]).toEqual([path, 'JPY'])
  }
  await api.call({ sub: 'ann', tenant: id }, 'POST /transactions/topup', { amount: 700 })
  const { body } = await api.call(ada, 'GET /admin/requests?minAmount=700&maxAmount=700')
  expect(body.items).toMatchObject([{ amount: 700, currency: 'JPY' }])
})

test('a token without the role operator is no operator, whatever tenant it names', async () => {
  for (const roles of [[], ['admin'], ['service'], ['admin', 'service']]) {
    expect(await codeOf({ sub: 'eve', roles }, 'GET /platform/tenants')).toEqual([403, 'forbidden'])
  }
})

test('requests that name no currency are in that of the tenant', async () => {
  const id = await tenant({ currency: 'EUR' })
  const ann = { sub: 'ann', tenant: id }
  const asked = await api.call(ann, 'POST /transactions/topup', { amount: 5 })
  expect(asked.body.currency).toBe('EUR')
  const bulk = { commands: [{ type: 'topup', amount: 1 }] }
  const { body } = await api.call(ann, 'POST /transactions/bulk', bulk)
  expect(body.results[0].transaction.currency).toBe('EUR')
  expect((await api.call(ann, 'GET /transactions/balance')).body.currency).toBe('EUR')
  expect((await api.call({ sub: 'ann' }, 'GET /transactions/balance')).body.currency).toBe('USD')
  await change(id, { currency: null })
  expect((await api.call(ann, 'GET /transactions/balance')).body.currency).toBe('USD')
})

test('a limit of the tenant holds for every user who has none of their own', async () => {
  const limits = [{ type: 'booking_payment', currency: 'USD', maxAmount: 10 }]
  const id = await tenant({ limits })
  const ada = { sub: 'ada', roles: ['admin'], tenant: id }
  const pay = async (sub: string, amount: number) => {
    const payment = { type: 'booking_payment', amount }
    return codeOfAnswer(await api.call({ sub, tenant: id }, 'POST /transactions', payment))
  }
  for (const userId of ['ann', 'bob']) {
    const gift = { userId, amount: 100, description: 'gift' }
    await api.call(ada, 'POST /transactions/adjustment', gift)
  }
  expect(await pay('ann', 11)).toEqual([422, 'limit_exceeded'])
  expect(await pay('ann', 10)).toBe(201)
  const afford = await api.call(
    { sub: 'ann', tenant: id },
    'GET /transactions/can-afford?amount=11',
  )
  expect(afford.body).toMatchObject({ ok: false, reason: 'limit' })
  const own = { userId: 'bob', type: 'booking_payment', maxAmount: 50 }
  await api.call(ada, 'PUT /transactions/limits', own)
  expect(await pay('bob', 11)).toBe(201)
  await change(id, { limits: null })
  expect(await pay('ann', 11)).toBe(201)
})

test('usage counts the users, the money and the keys of the tenant alone', async () => {
  const id = await tenant()
  const ada = { sub: 'ada', roles: ['admin'], tenant: id }
  const gift = { userId: 'ann', amount: 100, description: 'gift' }
  await api.call(ada, 'POST /transactions/adjustment', gift)
  await api.call({ sub: 'bob', tenant: id }, 'GET /transactions/balance')
  const sent = { toUserId: 'bob', amount: 30 }
  await api.call({ sub: 'ann', tenant: id }, 'POST /transactions/transfer', sent)
  await api.call(ada, 'POST /admin/keys', { name: 'shop', roles: ['admin'] })
  const { body } = await api.call(operator, `GET /platform/tenants/${id}/usage?requests=day`)
  expect(body).toMatchObject({
    ...{ users: 2, newUsers: 2, keys: 1, connections: 0 },
    currencies: [{ currency: 'USD', transactions: 2, volume: 130 }],
    requests: { window: 'day', count: 0 },
  })
  expect(body.events).toBeGreaterThanOrEqual(6)
  const range = '?from=2020-01-01&to=2020-02-01'
  const past = await api.call(operator, `GET /platform/tenants/${id}/usage${range}`)
  expect(past.body).toMatchObject({ newUsers: 0, currencies: [], users: 2 })
  const wrong = await api.call(operator, `GET /platform/tenants/${id}/usage?from=2020-01-01`)
  expect(wrong.status).toBe(400)
})

test('usage adds up the requests and the open streams of all processes', async () => {
  const id = await tenant()
  const usage = async () => (await api.call(operator, `GET /platform/tenants/${id}/usage`)).body
  const process = (requests: number, streams: number) => {
    const counts = { requests: new Map([[id, requests]]), connections: new Map([[id, streams]]) }
    const activity = createActivity({
      process: randomUUID(),
      ...{ store: new TenantStore(api.sql), log: silent, intervalMs: 20 },
      requests() {
        const counted = counts.requests
        counts.requests = new Map()
        return counted
      },
      connections: () => counts.connections,
    })
    activity.start()
    onTestFinished(() => activity.stop())
    return counts
  }
  const [one] = [process(3, 2), process(4, 1)]
  await eventually(async () => {
    expect(await usage()).toMatchObject({ requests: { count: 7 }, connections: 3 })
  })
  one.requests = new Map([[id, 5]])
  one.connections = new Map()
  await eventually(async () => {
    expect(await usage()).toMatchObject({ requests: { count: 12 }, connections: 1 })
  })
})

test('only the pages of a tenant may call for it', async () => {
  const allowedOrigins = ['https://acme.example.com']
  const id = await tenant({ allowedOrigins })
  const token = await mintToken({ sub: 'ann', tenant: id })
  const others = await mintToken({ sub: 'ann' })
  const from = (origin: string) => ({ Origin: origin })
  expect(await withToken(token, from('https://acme.example.com'))).toEqual([200, null, null])
  expect(await withToken(token, from('https://app.example.com'))).toEqual([403, 'forbidden', null])
  expect(await withToken(others, from('https://app.example.com'))).toEqual([200, null, null])
  expect(await withToken(others, from('https://acme.example.com'))).toEqual([
    ...[403, 'forbidden', null],
  ])
  const preflight = (origin: string) =>
    api.call(null, 'OPTIONS /transactions/balance', undefined, {
      ...{ Origin: origin, 'Access-Control-Request-Method': 'GET' },
    })
  expect((await preflight('https://acme.example.com')).status).toBe(204)
  expect((await preflight('https://app.example.com')).status).toBe(204)
  expect((await preflight('https://evil.example.com')).status).toBe(403)
})

const codeOfAnswer = ({ status, body }: { status: number; body: { code: string } }) =>
  status < 300 ? status : [status, body.code]

test('a tenant with odd characters in its id is a tenant like any other, and no part of another', async () => {
  const ids = [
    'a:b',
    'a%3Ab',
    'a/b',
    'a?b#c',
    '{a}',
    '*',
    '__proto__',
    'É',
    'E\u0301',
    'user',
    '🏦',
  ]
  for (const [index, id] of ids.entries()) {
    const body = { id, name: 'Odd', maxWebhooks: index }
    expect((await api.call(operator, 'POST /platform/tenants', body)).status).toBe(201)
  }
  for (const [index, id] of ids.entries()) {
    const path = `/platform/tenants/${encodeURIComponent(id)}`
    expect((await api.call(operator, `GET ${path}`)).body).toMatchObject({ id, maxWebhooks: index })
    await api.call(operator, `POST ${path}/suspend`, {})
    const codes = await Promise.all(ids.map((tenant) => codeOf({ sub: 'ann', tenant })))
    expect(codes).toEqual(ids.map((other) => (other === id ? [403, 'tenant_suspended'] : 200)))
    await api.call(operator, `POST ${path}/resume`, {})
    expect((await api.call(operator, `GET ${path}/usage`)).body.users).toBeLessThanOrEqual(1)
  }
  for (const id of ['', '.', '..', 'a b', 'a\u0000b', 'x'.repeat(65)]) {
    const refused = await api.call(operator, 'POST /platform/tenants', { id, name: 'Odd' })
    expect([id, refused.status]).toEqual([id, 400])
  }
})

test('a tenant has as many webhooks as it may have', async () => {
  const id = await tenant({ maxWebhooks: 1 })
  const ada = { sub: 'ada', roles: ['admin'], tenant: id }
  const url = 'https://shop.example.com/'
  const create = async () => codeOfAnswer(await api.call(ada, 'POST /admin/webhooks', { url }))
  expect(await create()).toBe(201)
  expect(await create()).toEqual([409, 'conflict'])
  await change(id, { maxWebhooks: 2 })
  expect([await create(), await create()]).toEqual([201, [409, 'conflict']])
  await change(id, { maxWebhooks: 0 })
  expect((await api.call(ada, 'GET /admin/webhooks')).body.items).toHaveLength(2)
})

test('holds of a suspended tenant expire, and its events wait for its users', async () => {
  const id = await tenant()
  const [ann, ada] = [
    { sub: 'ann', tenant: id },
    { sub: 'ada', roles: ['admin'], tenant: id },
  ]
  const gift = { userId: 'ann', amount: 10, description: 'gift' }
  await api.call(ada, 'POST /transactions/adjustment', gift)
  const hold = await api.call(ann, 'POST /transactions/hold', { amount: 4, expiresIn: 1 })
  expect(hold.status).toBe(201)
  await api.call(operator, `POST /platform/tenants/${id}/suspend`, {})
  const executor = new Executor(api.sql)
  const expiry = new HoldExpiry({ sql: api.sql, executor, log: silent, intervalMs: 50 })
  expiry.start()
  await eventually(async () => {
    const [row] = await api.sql`select status from transactions where id = ${hold.body.id}`
    expect(row?.status).toBe('expired')
  })
  await expiry.stop()
  await api.call(operator, `POST /platform/tenants/${id}/resume`, {})
  const { body } = await api.call(ann, 'GET /transactions/balance')
  expect([body.balance, body.held]).toEqual([10, 0])
  const events = await api.call(ann, 'GET /balance/events')
  expect(events.body.items.map(({ event }: { event: string }) => event)).toContain(
    'transaction_failed',
  )
})
