import { expect } from 'vitest'
import { ApiKeyStore } from '../../src/auth/api-key-store.ts'
import { ApiKeys } from '../../src/auth/api-keys.ts'
import { eventually, mintToken } from '../support/index.ts'
import { silent } from '../support/realtime/balance-server.ts'
import { admin, alice, type LedgerApp, operator, test } from '../support/routes/ledger-app.ts'

let api: LedgerApp
test.beforeAll(({ api: opened }) => {
  api = opened
})

const OF_SERVICE = { tenant: 'default', name: 'shop', roles: ['service'] }

/** Makes a key as an operator. */
async function key(fields: object = {}) {
  const made = await api.call(operator, 'POST /platform/keys', { ...OF_SERVICE, ...fields })
  expect([made.status, made.body.code]).toEqual([201, undefined])
  return made.body as { id: string; key: string; prefix: string; userId: string }
}

async function by(key: string, request: string, body?: object) {
  const answer = await api.call(null, request, body, { Authorization: `Bearer ${key}` })
  return {
    ...answer,
    outcome: answer.status < 300 ? answer.status : [answer.status, answer.body.code],
  }
}

const codeBy = async (key: string, request = 'GET /transactions/balance') =>
  (await by(key, request)).outcome

/** Another process on the same database. */
async function otherProcess(options: object = {}) {
  const keys = await ApiKeys.open({
    ...{ store: new ApiKeyStore(api.sql), log: silent, announce: async () => {} },
    ...options,
  })
  return keys
}

test('a key acts as a service of its tenant, and is shown once', async () => {
  await api.fund('alice', 100)
  const made = await key()
  expect(made.key).toMatch(/^lb_live_[0-9a-f]{12}[A-Za-z0-9_-]{43}$/)
  const payment = { type: 'booking_payment', amount: 5, userId: 'alice' }
  const paid = await by(made.key, 'POST /transactions', payment)
  expect(paid.status).toBe(201)
  const listed = await api.call(admin, 'GET /admin/keys')
  expect(listed.text).toContain(made.prefix)
  expect(listed.text).not.toContain(made.key)
  const stored = await api.sql<{ row: string }[]>`select k::text as row from api_keys k`
  for (const { row } of stored) expect(row).not.toContain(made.key.slice(20))
  // The actor of what the key does.
  const { body } = await api.call(admin, `GET /transactions/${paid.body.id}`)
  expect([body.userId, made.userId]).toEqual(['alice', `key:${made.id}`])
})

test('the same request again shows no key, and makes no second one', async () => {
  const body = { ...OF_SERVICE, name: 'repeated' }
  const headers = { 'Idempotency-Key': 'make a key' }
  const first = await api.call(operator, 'POST /platform/keys', body, headers)
  const again = await api.call(operator, 'POST /platform/keys', body, headers)
  expect(first.body.key).toMatch(/^lb_live_/)
  expect([again.body.id, again.body.key]).toEqual([first.body.id, null])
  const stored = await api.sql<{ row: string }[]>`select i::text as row from idempotency_keys i`
  for (const { row } of stored) expect(row).not.toContain(first.body.key)
})

test('a wrong key opens nothing, and does not say which part of it is wrong', async () => {
  const { key: good } = await key()
  const last = good.endsWith('A') ? 'B' : 'A'
  const wrong = [
    `${good.slice(0, -1)}${last}`,
    good.replace(/^lb_live_./, 'lb_live_g'),
    `${good}A`,
    good.slice(0, -1),
    `lb_live_${'0'.repeat(12)}${'A'.repeat(43)}`,
    good.replace('lb_live_', 'lb_oper_'),
    'lb_live_',
  ]
  for (const text of wrong) {
    const { status, body } = await by(text, 'GET /transactions/balance')
    expect([text.length > 0, status, body.code]).toEqual([true, 401, 'unauthorized'])
    expect(['key', 'malformed']).toContain(body.details.reason)
  }
})

test('a key never runs the platform, and opens nothing of another tenant', async () => {
  await api.call(operator, 'POST /platform/tenants', { id: 'acme', name: 'Acme' })
  const { key: ofAcme, id } = await key({ tenant: 'acme', roles: ['admin', 'service'] })
  expect(await codeBy(ofAcme, 'GET /platform/tenants')).toEqual([403, 'forbidden'])
  expect(await codeBy(ofAcme, 'GET /platform/keys')).toEqual([403, 'forbidden'])
  const payment = { type: 'booking_payment', amount: 5, userId: 'alice' }
  expect((await by(ofAcme, 'POST /transactions', payment)).status).not.toBe(201)
  const of = await key()
  for (const request of [`POST /admin/keys/${of.id}/rotate`, `DELETE /admin/keys/${of.id}`]) {
    const body = request.startsWith('POST') ? {} : undefined
    expect((await by(ofAcme, request, body)).outcome).toEqual([404, 'not_found'])
  }
  expect(await codeBy(of.key)).toBe(200)
  await api.call(operator, 'POST /platform/tenants/acme/suspend', {})
  expect(await codeBy(ofAcme)).toEqual([403, 'tenant_suspended'])
  await api.call(operator, 'POST /platform/tenants/acme/resume', {})
  expect(await codeBy(ofAcme)).toBe(200)
  expect(id).not.toBe(of.id)
})

test('a key gets no more than its maker has', async () => {
  const asked = (caller: typeof admin, fields: object) =>
    api.call(caller, 'POST /admin/keys', { name: 'more', roles: ['admin'], ...fields })
  expect((await asked(admin, { roles: ['service'] })).status).toBe(403)
  expect((await asked(alice, {})).status).toBe(403)
  expect((await asked(admin, { roles: ['operator'] })).status).toBe(400)
  expect((await asked(admin, { userId: 'bob' })).status).toBe(400)

  const scopes = ['keys:read', 'keys:write']
  const soon = new Date(Date.now() + 3_600_000).toISOString()
  const { key: narrow } = await key({ roles: ['admin'], scopes, expiresAt: soon })
  const make = (fields: object) =>
    by(narrow, 'POST /admin/keys', { name: 'more', roles: ['admin'], ...fields })
  expect((await make({})).outcome).toEqual([403, 'forbidden'])
  expect((await make({ scopes: ['admin:read'], expiresAt: soon })).outcome).toEqual([
    403,
    'forbidden',
  ])
  expect((await make({ scopes })).outcome).toEqual([403, 'forbidden'])
  expect((await make({ scopes, expiresAt: soon })).status).toBe(201)
  // Nor by rotating a key that has more.
  const { id } = await key({ roles: ['admin'] })
  expect((await by(narrow, `POST /admin/keys/${id}/rotate`, {})).outcome).toEqual([
    403,
    'forbidden',
  ])
})

test('nobody is two admins by a key', async () => {
  const fourEyes = [{ currency: 'USD', amount: 10 }]
  await api.call(admin, 'PUT /admin/settings', { fourEyes })
  const own = (await api.call(admin, 'POST /admin/keys', { name: 'own', roles: ['admin'] })).body
  const gift = { userId: 'alice', amount: 20, description: 'large' }
  const first = await api.call(admin, 'POST /transactions/adjustment', gift)
  expect(first.body.status).toBe('pending')
  const path = `PATCH /transactions/adjustment/${first.body.id}/process`
  const second = await by(own.key, path, { status: 'success' })
  expect(second.outcome).toEqual([403, 'second_admin_required'])
  // Whoever rotates a key of an admin acts in their own name from then on.
  const bea = { sub: 'bea', roles: ['admin'] }
  const rotated = await api.call(bea, `POST /admin/keys/${own.id}/rotate`, {})
  expect(rotated.body.userId).toBe('bea')
  expect((await by(own.key, path, { status: 'success' })).outcome).toEqual(second.outcome)
  expect((await by(rotated.body.key, path, { status: 'success' })).status).toBe(200)
})

test('scopes narrow a key to what they name', async () => {
  const { key: reads } = await key({ roles: ['admin', 'service'], scopes: ['transactions:read'] })
  expect(await codeBy(reads)).toBe(200)
  expect((await by(reads, 'POST /balance/ticket', {})).status).toBe(201)
  expect((await by(reads, 'POST /transactions/topup', { amount: 1 })).outcome).toEqual([
    403,
    'forbidden',
  ])
  for (const request of ['GET /admin/wallets', 'GET /admin/webhooks', 'GET /admin/keys']) {
    expect(await codeBy(reads, request)).toEqual([403, 'forbidden'])
  }
  const { key: hooks } = await key({ roles: ['admin'], scopes: ['webhooks:read', 'admin:read'] })
  expect(await codeBy(hooks, 'GET /admin/webhooks')).toBe(200)
  expect(await codeBy(hooks, 'GET /admin/wallets')).toBe(200)
  expect(await codeBy(hooks, 'GET /transactions/all')).toEqual([403, 'forbidden'])
})

test('a rotated key works beside the new one for a while, and not after', async () => {
  const before = await key()
  const rotated = await api.call(operator, `POST /platform/keys/${before.id}/rotate`, {
    overlapSeconds: 3600,
  })
  expect([await codeBy(before.key), await codeBy(rotated.body.key)]).toEqual([200, 200])
  const again = await api.call(operator, `POST /platform/keys/${before.id}/rotate`, {
    overlapSeconds: 0,
  })
  expect(await codeBy(before.key)).toEqual([401, 'unauthorized'])
  expect(await codeBy(rotated.body.key)).toEqual([401, 'unauthorized'])
  expect(await codeBy(again.body.key)).toBe(200)
  const tooLong = { overlapSeconds: 7 * 86_400 + 1 }
  const refused = await api.call(operator, `POST /platform/keys/${before.id}/rotate`, tooLong)
  expect([refused.status, refused.body.code]).toEqual([400, 'invalid_request'])
  const short = await key({ expiresAt: new Date(Date.now() + 500).toISOString() })
  await eventually(async () => expect(await codeBy(short.key)).toEqual([401, 'token_expired']))
})

test('another process takes a new key at once, and refuses a revoked one without a message', async () => {
  // It polls only by its own clock, and hears of nothing.
  const there = await otherProcess({ pollEveryMs: 100 })
  const made = await key()
  expect((await there.authenticate(made.key)).userId).toBe(made.userId)
  await api.call(operator, `DELETE /platform/keys/${made.id}`)
  expect(await codeBy(made.key)).toEqual([401, 'unauthorized'])
  await eventually(() => expect(there.recall(made.key)).toBeUndefined())
  await expect(there.authenticate(made.key)).rejects.toMatchObject({ status: 401 })
  await there.close()
})

test('a request with a key asks the database nothing for it, and invented keys ask it seldom', async () => {
  const made = await key()
  let reads = 0
  const store = new ApiKeyStore(api.sql)
  const changesAfter = store.changesAfter.bind(store)
  store.changesAfter = (...args) => {
    reads += 1
    return changesAfter(...args)
  }
  const there = await otherProcess({ store, pollEveryMs: 3_600_000 })
  const atStart = reads
  for (let i = 0; i < 100; i++) await there.authenticate(made.key)
  expect(reads).toBe(atStart)
  const invented = () =>
    `lb_live_${Math.random().toString(16).slice(2, 14).padEnd(12, '0')}${'A'.repeat(43)}`
  await Promise.allSettled(Array.from({ length: 200 }, () => there.authenticate(invented())))
  expect(reads - atStart).toBeLessThan(10)
  // Uses are written together.
  await there.close()
  const { body } = await api.call(admin, 'GET /admin/keys?limit=100')
  const used = body.items.find((item: { id: string }) => item.id === made.id)
  expect(Date.parse(used.lastUsedAt)).toBeGreaterThan(Date.now() - 60_000)
})

test('while the database is unavailable, known keys go on, and no other key is called wrong', async () => {
  const [known, other] = [await key(), await key()]
  const store = new ApiKeyStore(api.sql)
  const changesAfter = store.changesAfter.bind(store)
  let isUnavailable = false
  store.changesAfter = async (...args) => {
    if (isUnavailable) throw new Error('connect ECONNREFUSED')
    return (await changesAfter(...args)).filter((change) => change.key.id !== other.id)
  }
  const there = await otherProcess({ store, pollEveryMs: 3_600_000 })
  isUnavailable = true
  expect((await there.authenticate(known.key)).userId).toBe(known.userId)
  await expect(there.authenticate(other.key)).rejects.toMatchObject({
    ...{ status: 503, code: 'unavailable', retryAfter: 1 },
  })
  await there.close()
})

test('keys that ended long ago are deleted, and no others', async () => {
  const [gone, ended, works] = [await key(), await key(), await key()]
  for (const { id } of [gone, ended]) await api.call(operator, `DELETE /platform/keys/${id}`)
  await api.call(operator, 'POST /platform/tenants', { id: 'pruned', name: 'Pruned' })
  for (let i = 0; i < 2; i++) await api.call(operator, 'POST /platform/tenants/pruned/token', {})
  const owner = await api.owner()
  await owner`update api_keys set revoked_at = revoked_at - interval '91 days' where id = ${gone.id}`
  await owner`update api_keys set revoked_at = revoked_at - interval '89 days' where id = ${ended.id}`
  // Both have expired: one two days ago, the other within the last day.
  await owner`
    update api_keys set expires_at = expires_at - interval '1 hour' where kind = 'operator' and tenant = 'pruned'`
  await owner`
    update api_keys set expires_at = expires_at - interval '2 days'
    where id = (select id from api_keys where kind = 'operator' and tenant = 'pruned' order by id limit 1)`
  const there = await otherProcess({ pruneEveryMs: 20 })
  await eventually(async () => {
    const left = await api.sql<
      { id: string; kind: string; tenant: string }[]
    >`select * from api_keys`
    const ids = left.map(({ id }) => id)
    expect([gone, ended, works].map(({ id }) => ids.includes(id))).toEqual([false, true, true])
    const acting = left.filter(({ kind, tenant }) => kind === 'operator' && tenant === 'pruned')
    expect(acting).toHaveLength(1)
  })
  await there.close()
})

test('a key that is given a user acts in their name, and revoking their tokens does not end it', async () => {
  const asked = { ...OF_SERVICE, userId: 'booking' }
  const made = (await api.call(operator, 'POST /platform/keys', asked)).body
  await api.fund('carl', 10)
  const opened = await by(made.key, 'POST /transactions/hold', { amount: 1, userId: 'carl' })
  expect(opened.status).toBe(201)
  const rows = await api.sql`select to_jsonb(t) from transactions t where id = ${opened.body.id}`
  expect(JSON.stringify(rows)).toContain('booking')
  await api.call(admin, 'POST /admin/revocations', { userId: 'booking' })
  expect(await codeBy(made.key)).toBe(200)
})

test('an operator acts as an admin of a tenant for minutes, in their own name', async () => {
  await api.call(operator, 'POST /platform/tenants', { id: 'acted', name: 'Acted' })
  const made = await api.call(operator, 'POST /platform/tenants/acted/token', {})
  expect(made.body).toMatchObject({ tenant: 'acted', userId: 'opal' })
  expect(Date.parse(made.body.expiresAt)).toBeLessThanOrEqual(Date.now() + 15 * 60_000)
  const gift = { userId: 'ann', amount: 5, description: 'by the operator' }
  const adjusted = await by(made.body.token, 'POST /transactions/adjustment', gift)
  expect([adjusted.status, adjusted.body.processedBy]).toEqual([201, 'opal'])
  expect(await codeBy(made.body.token, 'GET /platform/tenants')).toEqual([403, 'forbidden'])
  const { body: deeds } = await by(made.body.token, 'GET /admin/deeds')
  const names = deeds.items.map(({ deed, actor }: { deed: string; actor: string }) => [deed, actor])
  expect(names).toEqual([
    ['adjustment', 'opal'],
    ['key_create', 'opal'],
    ['tenant_create', 'opal'],
  ])
  expect((await api.call(operator, 'GET /platform/keys?tenant=acted')).body.items).toEqual([])
  const token = await mintToken({ sub: 'eve', roles: ['admin'] })
  const asked = await by(token, 'POST /platform/tenants/acted/token', {})
  expect(asked.outcome).toEqual([403, 'forbidden'])
})
