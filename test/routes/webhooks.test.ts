import { pino } from 'pino'
import { expect } from 'vitest'
import { admin, alice, foreignAdmin, test } from '../support/routes/ledger-app.ts'

const URL = 'https://shop.example.com/hook'
const logged: string[] = []
test.override('parts', { log: pino({ level: 'trace' }, { write: (line) => logged.push(line) }) })

test('a secret is shown when it is made, and never again', async ({ api }) => {
  const created = await api.call(admin, 'POST /admin/webhooks', { url: `${URL}#part` })
  const { secret, ...rest } = created.body
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  expect(rest).toMatchObject({ url: URL, events: null, userIds: null, paused: false })
  const rotated = await api.call(admin, `POST /admin/webhooks/${rest.id}/rotate`, {})
  expect(rotated.body.secret).toMatch(/^whsec_/)
  const until = Date.parse(rotated.body.previousSecretUntil) - Date.now()
  expect(until).toBeGreaterThan(86_000_000)
  for (const text of [
    (await api.call(admin, 'GET /admin/webhooks')).text,
    (await api.call(admin, `PATCH /admin/webhooks/${rest.id}`, { paused: true })).text,
    (await api.call(admin, `GET /admin/webhooks/${rest.id}/deliveries`)).text,
    (await api.call(admin, `POST /admin/webhooks/${rest.id}/test`, {})).text,
    logged.join(),
  ]) {
    expect(text).not.toContain('whsec_')
    expect(text).not.toContain(secret.slice(6))
  }
})

test('the same key makes one webhook', async ({ api }) => {
  const key = { 'Idempotency-Key': 'webhook' }
  const first = await api.call(admin, 'POST /admin/webhooks', { url: URL }, key)
  const second = await api.call(admin, 'POST /admin/webhooks', { url: URL }, key)
  expect(second.body).toEqual({ ...first.body, secret: null })
})

test('a secret is not kept with the answer to a key, and a repeated answer has none', async ({
  api,
}) => {
  const twice = async (request: string, body: object, key: string) => {
    const call = () => api.call(admin, request, body, { 'Idempotency-Key': key })
    const first = await call()
    expect(first.body.secret).toMatch(/^whsec_/)
    expect((await call()).body).toEqual({ ...first.body, secret: null })
    return first.body.id as string
  }
  const id = await twice('POST /admin/webhooks', { url: URL }, 'made-once')
  await twice(`POST /admin/webhooks/${id}/rotate`, {}, 'rotated-once')
  const owner = await api.owner()
  const kept = await owner`select to_jsonb(k)::text as row from idempotency_keys as k`
  expect(kept.length).toBeGreaterThan(1)
  expect(kept.map(({ row }) => row).join()).not.toContain('whsec_')
})

test('one webhook is shown as the list shows it', async ({ api }) => {
  const { body } = await api.call(admin, 'POST /admin/webhooks', { url: URL })
  const { items } = (await api.call(admin, 'GET /admin/webhooks')).body
  const one = await api.call(admin, `GET /admin/webhooks/${body.id}`)
  const listed = items.find(({ id }: { id: string }) => id === body.id)
  expect(one.body).toEqual({ ...listed, lagSeconds: one.body.lagSeconds })
  expect((await api.call(foreignAdmin, `GET /admin/webhooks/${body.id}`)).status).toBe(404)
})

test.for([
  [{ url: 'http://shop.example.com/' }, 'url'],
  [{ url: 'https://169.254.169.254/latest' }, 'url'],
  [{ url: 'https://me:secret@shop.example.com/' }, 'url'],
  [{ url: 'shop' }, 'url'],
  [{ url: URL, events: [] }, 'events'],
  [{ url: URL, events: ['nothing'] }, 'events.0'],
  [{ url: URL, userIds: ['a b'] }, 'userIds.0'],
  [{ url: URL, secret: 'whsec_mine' }, ''],
] as const)('%j is refused, and says why', async ([body, path], { api }) => {
  const { status, body: problem } = await api.call(admin, 'POST /admin/webhooks', body)
  expect([status, problem.code]).toEqual([400, 'invalid_request'])
  expect(problem.details.issues[0].path).toBe(path)
})

test('a change leaves out what it does not name, and null means everything', async ({ api }) => {
  const { body } = await api.call(admin, 'POST /admin/webhooks', {
    ...{ url: URL, events: ['balance_updated', 'balance_updated'], userIds: ['ann'] },
    description: 'the shop',
  })
  const { secret: _, ...created } = body
  const path = `PATCH /admin/webhooks/${created.id}`
  const changed = await api.call(admin, path, { events: null, paused: true })
  expect(changed.body).toEqual({
    ...{ ...created, events: null, paused: true, pausedReason: 'admin' },
    updatedAt: changed.body.updatedAt,
  })
  expect((await api.call(admin, path, { url: 'https://10.0.0.1/' })).status).toBe(400)
  const last = await api.call(admin, path, { userIds: null, description: null, paused: false })
  expect(last.body).toMatchObject({ userIds: null, description: null, paused: false, url: URL })
})

test('an address that is not allowed is told by a test delivery', async ({ api }) => {
  const { body } = await api.call(admin, 'POST /admin/webhooks', { url: URL })
  const owner = await api.owner()
  await owner`update webhook_endpoints set url = 'https://127.0.0.1/' where id = ${body.id}`
  const tested = await api.call(admin, `POST /admin/webhooks/${body.id}/test`, {})
  expect(tested.body).toMatchObject({
    ...{ delivered: false, status: null },
    error: 'address not allowed: must not be a private or reserved address',
  })
})

test('a replay names a user, and a seq or the id of an event of this database', async ({ api }) => {
  await api.fund('alice', 5)
  const { body } = await api.call(admin, 'POST /admin/webhooks', { url: URL })
  const replay = (request: object, by = admin) =>
    api.call(by, `POST /admin/webhooks/${body.id}/replay`, request)
  const { items } = (await api.call(alice, 'GET /balance/events')).body
  expect((await replay({ userId: 'alice', afterId: items[1].id })).body).toEqual({ users: 1 })
  const waiting = async () =>
    (await api.call(admin, 'GET /admin/webhooks')).body.items.find(
      ({ id }: { id: string }) => id === body.id,
    )
  expect(await waiting()).toMatchObject({ waitingUsers: 1, failingUsers: 0, setAsideUsers: 0 })
  // The newest: nothing is left to send.
  expect((await replay({ userId: 'alice', afterSeq: 1e9 })).body).toEqual({ users: 1 })
  expect(await waiting()).toMatchObject({ waitingUsers: 0, lagSeconds: 0 })
  expect((await replay({})).body).toEqual({ users: 0 })
  expect((await replay({ userId: 'alice', afterId: 'other:1' })).status).toBe(400)
  expect((await replay({ userId: 'alice', afterId: items[0].id, afterSeq: 1 })).status).toBe(400)
  expect((await replay({ afterSeq: 1 })).status).toBe(400)
  expect((await replay({ userId: 'nobody', afterSeq: 1 })).body.code).toBe('unknown_user')
  expect((await replay({ userId: 'alice' }, foreignAdmin)).status).toBe(404)
})

test('a tenant has at most 50', async ({ api }) => {
  const by = { ...admin, tenant: 'many' }
  for (let i = 0; i < 50; i++) await api.call(by, 'POST /admin/webhooks', { url: URL })
  const { status, body } = await api.call(by, 'POST /admin/webhooks', { url: URL })
  expect([status, body.code]).toEqual([409, 'conflict'])
  expect((await api.call(by, 'GET /admin/webhooks')).body.items).toHaveLength(50)
})
