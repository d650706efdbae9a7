import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { EventStreamParser } from '../../src/client/transports/sse.ts'
import { type LiveServer, openLiveServer } from '../support/client/live-server.ts'
import {
  describeWithPrivateRedis,
  eventually,
  mintToken,
  type PrivateRedis,
  startPrivateRedis,
} from '../support/index.ts'

interface Told {
  event: string
  [field: string]: unknown
}

const admin = (tenant?: string, expiresIn?: number) =>
  mintToken({
    ...{ sub: 'ada', roles: ['admin'] },
    ...(tenant && { tenant }),
    ...(expiresIn && { expiresIn }),
  })

/** What the stream tells from now on, once it has begun. */
async function listen(server: LiveServer, token: string, query = ''): Promise<Told[]> {
  const abort = new AbortController()
  onTestFinished(() => abort.abort())
  const response = await fetch(`${server.url}/admin/stream${query}`, {
    headers: { Authorization: `Bearer ${token}`, Accept: 'text/event-stream' },
    signal: abort.signal,
  })
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toMatch('text/event-stream')
  const told: Told[] = []
  const parser = new EventStreamParser(({ event, data }) =>
    told.push({ event, ...JSON.parse(data) }),
  )
  const read = async () => {
    const decoder = new TextDecoder()
    for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
      parser.push(decoder.decode(bytes, { stream: true }))
    }
    told.push({ event: 'end' })
  }
  read().catch(() => {})
  await eventually(() => expect(told.length).toBeGreaterThan(0))
  return told
}

const names = (told: Told[]) =>
  told.map(({ event, userId }) => (userId ? `${event} ${userId}` : event))

describeWithPrivateRedis('the stream of admins', () => {
  let redis: PrivateRedis
  let here: LiveServer
  /** Another process of the same installation. */
  let there: LiveServer
  beforeAll(async () => {
    redis = await startPrivateRedis()
    here = await openLiveServer({ REDIS_URL: redis.url })
    there = await openLiveServer({ REDIS_URL: redis.url, DATABASE_URL: here.databaseUrl })
  })
  afterAll(async () => {
    await there?.close()
    await here?.close()
    await redis?.close()
  })
  const ask = async (server: LiveServer, sub: string, amount = 5, tenant?: string) => {
    const token = await mintToken({ sub, ...(tenant && { tenant }) })
    return server.call<{ id: string }>(token, 'POST /transactions/topup', { amount })
  }

  test('a request, its decision and a freeze are told, on whichever process they happen', async () => {
    const token = await admin()
    const told = await listen(there, token)
    expect(told).toEqual([{ event: 'admin_state', live: true }])
    const { id } = await ask(here, 'ann', 12.5)
    await eventually(() => expect(told).toHaveLength(2))
    expect(told[1]).toEqual({
      ...{ event: 'request_waiting', userId: 'ann', transactionId: id, transactionType: 'topup' },
      ...{ amount: 12.5, currency: 'USD', timestamp: expect.stringMatching(/Z$/) },
    })
    await here.call(token, `PATCH /transactions/topup/${id}/process`, { status: 'success' })
    const ann = await mintToken({ sub: 'ann' })
    await here.call(ann, 'POST /transactions/withdrawal', { amount: 2 })
    await here.call(token, 'POST /transactions/wallets/ann/freeze', { debits: true })
    await eventually(() =>
      expect(names(told).slice(2).sort()).toEqual([
        ...['available_changed ann', 'balance_updated ann', 'request_waiting ann'],
        ...['transaction_completed ann', 'wallet_frozen ann'],
      ]),
    )
    // The events are those of the user’s own stream.
    const { items } = await here.call<{ items: Told[] }>(ann, 'GET /balance/events')
    const events = told.filter(({ seq }) => seq !== undefined)
    const bySeq = items.sort((a, b) => Number(a.seq) - Number(b.seq))
    expect(events).toEqual(bySeq.map((item) => ({ ...item, userId: 'ann' })))
  })

  test('nobody hears another tenant, and only admins listen', async () => {
    const [own, foreign] = [
      await listen(here, await admin()),
      await listen(here, await admin('other')),
    ]
    await ask(here, 'bob', 1, 'other')
    await ask(here, 'cid', 1)
    await eventually(() => expect(names(own)).toEqual(['admin_state', 'request_waiting cid']))
    await eventually(() => expect(names(foreign)).toEqual(['admin_state', 'request_waiting bob']))

    const open = async (headers: Record<string, string>, query = '') => {
      const response = await fetch(`${here.url}/admin/stream${query}`, { headers })
      return [response.status, ((await response.json()) as { code: string }).code]
    }
    const bearer = async (token: Promise<string>) => ({ Authorization: `Bearer ${await token}` })
    expect(await open({})).toEqual([401, 'unauthorized'])
    expect(await open(await bearer(mintToken({ sub: 'ann' })))).toEqual([403, 'forbidden'])
    const service = mintToken({ sub: 'booking', roles: ['service'] })
    expect(await open(await bearer(service))).toEqual([403, 'forbidden'])
    // A key needs the scope of `/admin`, for a ticket too.
    const keyWith = async (scopes: string[]) => {
      const asked = { name: 'narrow', roles: ['admin'], scopes }
      return (await here.call<{ key: string }>(await admin(), 'POST /admin/keys', asked)).key
    }
    const [ofMoney, ofAdmins] = [
      await keyWith(['transactions:read']),
      await keyWith(['admin:read']),
    ]
    expect(await open({ Authorization: `Bearer ${ofMoney}` })).toEqual([403, 'forbidden'])
    const ticketOf = (key: string) => here.call<{ ticket: string }>(key, 'POST /balance/ticket', {})
    const query = `?token=${(await ticketOf(ofMoney)).ticket}`
    expect(await open({}, query)).toEqual([403, 'forbidden'])
    for (const key of [ofAdmins, (await ticketOf(ofAdmins)).ticket]) {
      expect(await listen(here, key)).toMatchObject([{ event: 'admin_state' }])
    }
    expect(await open(await bearer(admin()), '?events=nothing')).toEqual([400, 'invalid_request'])
  })

  test('a webhook that was changed, or to which something was sent, is told to its tenant', async () => {
    const token = await admin()
    const own = await listen(there, token, '?events=webhook_changed')
    const foreign = await listen(there, await admin('other'), '?events=webhook_changed')
    // Nobody has this name, so that each attempt fails and is told.
    const url = 'https://shop.invalid/'
    const { id } = await here.call(token, 'POST /admin/webhooks', { url })
    const changes = () => own.filter(({ webhookId }) => webhookId === id).length
    await eventually(() => expect(changes()).toBe(1))
    expect(own.at(-1)).toEqual({
      ...{ event: 'webhook_changed', webhookId: id },
      timestamp: expect.stringMatching(/Z$/),
    })
    await here.fund('hal', 1)
    await eventually(() => expect(changes()).toBeGreaterThanOrEqual(2))
    await eventually(async () => {
      const { items } = await here.call<{ items: unknown[] }>(
        token,
        `GET /admin/webhooks/${id}/deliveries`,
      )
      expect(items.length).toBeGreaterThan(0)
    })
    const before = changes()
    await here.call(token, `DELETE /admin/webhooks/${id}`)
    await eventually(() => expect(changes()).toBeGreaterThan(before))
    expect(foreign).toEqual([{ event: 'admin_state', live: true }])
  })

  test('the state of the system is told to those who ask: an admin of the tenant, an operator of all', async () => {
    const query = '?events=system_state'
    const byAdmin = await listen(here, await admin(), query)
    const operator = await mintToken({ sub: 'opal', roles: ['operator'] })
    const byOperator = await listen(here, operator, query)
    await eventually(() => expect(byAdmin).toHaveLength(2))
    const { version } = await here.call<{ version: string }>(operator, 'GET /admin/system')
    expect(byAdmin[1]).toEqual({
      ...{ event: 'system_state', scope: 'tenant', version },
      connections: expect.any(Number),
      ...{ payments: { ok: true }, events: { ok: true } },
    })
    await eventually(() => expect(byOperator).toHaveLength(2))
    expect(byOperator[1]).toMatchObject({ scope: 'installation', version })
    // Of a tenant's events an operator has none.
    for (const more of ['', '?events=system_state,wallet_frozen']) {
      const response = await fetch(`${here.url}/admin/stream${more}`, {
        headers: { Authorization: `Bearer ${operator}` },
      })
      expect(response.status).toBe(403)
    }
  })

  test('a ticket opens it, the server filters, and the stream ends with the token', async () => {
    const { ticket } = await here.call<{ ticket: string }>(
      await admin(undefined, 3),
      'POST /balance/ticket',
    )
    const response = await fetch(`${here.url}/admin/stream?token=${ticket}&userId=dan&type=topup`)
    expect(response.status).toBe(200)
    await ask(here, 'eve', 1)
    await ask(here, 'dan', 1)
    const text = await response.text()
    expect(text).toContain('"userId":"dan"')
    expect(text).not.toContain('"eve"')
    expect(text).toContain('token_expired')
  })

  test('an admin is told that events stop arriving while Redis is away, and when they do again', async () => {
    const told = await listen(here, await admin())
    await redis.kill()
    await eventually(() => expect(told.at(-1)).toMatchObject({ event: 'admin_state', live: false }))
    // The ledger goes on, and the request is in the list.
    const { id } = await ask(here, 'fay', 3)
    await redis.restart()
    await eventually(() => expect(told.at(-1)).toEqual({ event: 'admin_state', live: true }))
    const { items } = await here.call<{ items: { id: string }[] }>(
      await admin(),
      'GET /admin/requests?order=desc&limit=1',
    )
    expect(items[0]?.id).toBe(id)
    await ask(here, 'gus', 1)
    await eventually(() => expect(names(told).at(-1)).toBe('request_waiting gus'))
  })
})
