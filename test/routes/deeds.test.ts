import { randomUUID } from 'node:crypto'
import { describe, expect } from 'vitest'
import { routesOf } from '../../src/api-docs/openapi.ts'
import { DEEDS, type Deed } from '../../src/ledger/deed.ts'
import { Deeds } from '../../src/ledger/deeds.ts'
import { EXAMPLES, prepare } from '../support/routes/examples.ts'
import {
  type Answer,
  admin,
  alice,
  type Caller,
  foreignAdmin,
  type LedgerApp,
  operator,
  service,
  test,
} from '../support/routes/ledger-app.ts'

let api: LedgerApp
test.beforeAll(async ({ api: opened }) => {
  api = opened
  await prepare(api)
})

/** Sends a request, and gives the deeds that it left, in order. */
async function deedsOf(
  caller: Caller,
  request: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<{ answer: Answer; deeds: Deed[] }> {
  const requestId = randomUUID()
  const answer = await api.call(caller, request, body, { 'X-Request-Id': requestId, ...headers })
  return { answer, deeds: await byRequest(requestId) }
}

async function byRequest(requestId: string): Promise<Deed[]> {
  const found: Deed[] = []
  const tenants = await api.sql<{ tenant: string }[]>`select distinct tenant from deeds`
  for (const { tenant } of tenants) {
    for await (const page of new Deeds(api.sql).all({ tenant })) found.push(...page)
  }
  return found.filter((deed) => deed.requestId === requestId)
}

const revocation = async () =>
  (await api.call(admin, 'POST /admin/revocations', { tokenId: randomUUID() })).body.id as string
const monitor = async () =>
  (
    await api.call(alice, 'PUT /transactions/monitors', {
      ...{ threshold: Math.ceil(Math.random() * 1e6), direction: 'below' },
    })
  ).body.id as string
const limited = async () => {
  const limit = { userId: 'alice', type: 'hold', maxAmount: 500 }
  await api.call(admin, 'PUT /transactions/limits', limit)
  return ''
}
const method = async () => {
  const saved = { userId: 'alice', customer: 'cus_1', paymentMethod: 'pm_1' }
  await api.call(service, 'PUT /transactions/auto-topup/method', saved)
  return ''
}
const autoTopup = async () => {
  await method()
  const rule = { threshold: 5, amount: 20, cap: 100, userId: 'alice' }
  await api.call(service, 'PUT /transactions/auto-topup', rule)
  return ''
}
const webhook = async () =>
  (await api.call(admin, 'POST /admin/webhooks', { url: 'https://shop.invalid/' })).body
    .id as string
const key = async () =>
  (await api.call(admin, 'POST /admin/keys', { name: 'shop', roles: ['admin'] })).body.id as string
const frozen = async () => {
  await api.call(admin, 'POST /transactions/wallets/bob/freeze', { debits: true })
  return 'bob'
}

interface Written {
  by: Caller
  id?: (api: LedgerApp) => Promise<string>
  search?: string
  body?: object
}

/** Writes that have no example: those that are neither POST nor PATCH. */
const OTHERS: Record<string, Written> = {
  'PUT /admin/settings': { by: admin, body: { fourEyes: [{ currency: 'KWD', amount: 5000 }] } },
  'DELETE /transactions/wallets/:userId/freeze': { by: admin, id: frozen },
  'PUT /transactions/limits': { by: admin, body: { userId: 'bob', type: 'hold', maxAmount: 5 } },
  'DELETE /transactions/limits': { by: admin, id: limited, search: '?userId=alice&type=hold' },
  'PUT /transactions/monitors': {
    by: admin,
    body: { userId: 'alice', threshold: 1, direction: 'above' },
  },
  'DELETE /transactions/monitors/:id': { by: admin, id: monitor, search: '?userId=alice' },
  'DELETE /transactions/monitors': {
    by: admin,
    id: async () => {
      await monitor()
      return ''
    },
    search: '?userId=alice',
  },
  'PUT /transactions/auto-topup/method': {
    by: service,
    body: { userId: 'alice', customer: 'cus_1', paymentMethod: 'pm_1' },
  },
  'DELETE /transactions/auto-topup/method': { by: service, id: method, search: '?userId=alice' },
  'PUT /transactions/auto-topup': {
    by: service,
    id: method,
    body: { threshold: 5, amount: 20, cap: 100, userId: 'alice' },
  },
  'DELETE /transactions/auto-topup': { by: service, id: autoTopup, search: '?userId=alice' },
  'DELETE /admin/webhooks/:id': { by: admin, id: webhook },
  'DELETE /admin/revocations/:id': { by: admin, id: revocation },
  'DELETE /admin/keys/:id': { by: admin, id: key },
  'POST /platform/tenants': { by: operator, body: { id: 'recorded', name: 'On record' } },
  'DELETE /platform/keys/:id': { by: operator, id: key },
  'GET /transactions/export': { by: admin, search: '?userId=alice' },
  'GET /admin/deeds/export': { by: admin },
}

const privileged = (name: string) => [admin, operator].some((one) => EXAMPLES[name]?.by === one)
const WRITES = {
  ...Object.fromEntries(Object.entries(EXAMPLES).filter(([name]) => privileged(name))),
  ...OTHERS,
} as Record<string, Written>

test('there is an example of every write that only admins, services or operators may do', () => {
  const writes = routesOf(api.app)
    .filter(({ method, access }) => method !== 'GET' && access !== 'user' && access !== undefined)
    .map(({ name }) => name)
  expect(Object.keys(WRITES)).toEqual(expect.arrayContaining(writes))
})

test.for(Object.entries(WRITES))('%s is on record', async ([name, { by, id, search, body }]) => {
  const path = name.replace(/:\w+/, (await id?.(api)) ?? '') + (search ?? '')
  const { answer, deeds } = await deedsOf(by, path, body ?? (name.startsWith('P') ? {} : undefined))
  expect(answer.status).toBeLessThan(300)
  expect(deeds.length).toBeGreaterThan(0)
  for (const deed of deeds) {
    expect(deed).toMatchObject({ actor: by.sub, roles: by.roles, result: 'done' })
    expect(DEEDS).toContain(deed.deed)
  }
})

test('a decision says who, what, on which transaction, and what changed', async () => {
  const { body: topup } = await api.call(alice, 'POST /transactions/topup', { amount: 12.5 })
  const { deeds } = await deedsOf(service, `PATCH /transactions/topup/${topup.id}/process`, {
    status: 'success',
  })
  expect(deeds).toEqual([
    {
      id: expect.any(String),
      at: expect.stringMatching(/\.\d{6}Z$/),
      actor: 'booking',
      roles: ['service'],
      keyId: null,
      deed: 'topup_process',
      userId: 'alice',
      target: topup.id,
      result: 'done',
      requestId: expect.any(String),
      address: null,
      asked: { status: 'success' },
      before: { status: 'pending' },
      after: expect.objectContaining({ status: 'success', amount: '12.50', currency: 'USD' }),
      seal: null,
    },
  ])
})

describe('what was refused', () => {
  const unknown = '019a4e5c-0000-7000-8000-000000000001'
  const REFUSED: [string, object | undefined, string, string][] = [
    [
      `PATCH /transactions/topup/${unknown}/process`,
      { status: 'success' },
      'topup_process',
      'not_found',
    ],
    [`POST /transactions/${unknown}/refund`, { amount: 1 }, 'refund', 'not_found'],
    [`POST /transactions/${unknown}/refund`, {}, 'refund', 'not_found'],
    [
      'POST /transactions/adjustment',
      { userId: 'ada', amount: 5, description: 'for me' },
      'adjustment',
      'self_approval',
    ],
    ['POST /transactions/wallets/ada/freeze', {}, 'wallet_freeze', 'self_approval'],
    ['POST /transactions/wallets/nobody/freeze', {}, 'wallet_freeze', 'unknown_user'],
    ['DELETE /transactions/limits?userId=nobody&type=hold', undefined, 'limit_delete', 'not_found'],
    [`DELETE /admin/webhooks/${unknown}`, undefined, 'webhook_delete', 'not_found'],
    ['POST /admin/webhooks', { url: 'http://10.0.0.1/' }, 'webhook_create', 'invalid_request'],
    ['POST /transactions/recalculate/nobody', {}, 'recalculate', 'not_found'],
    ['POST /admin/keys', { name: 'x', roles: ['service'] }, 'key_create', 'forbidden'],
    [`POST /admin/keys/${unknown}/rotate`, {}, 'key_change', 'not_found'],
    [`DELETE /admin/keys/${unknown}`, undefined, 'key_revoke', 'not_found'],
    [`POST /admin/debts/${unknown}/settle`, { action: 'collect' }, 'debt_settle', 'not_found'],
  ]
  test.for(REFUSED)('%s %o is on record too', async ([request, body, deed, code]) => {
    const { answer, deeds } = await deedsOf(admin, request, body)
    expect(answer.body.code).toBe(code)
    expect(deeds).toEqual([expect.objectContaining({ deed, actor: 'ada', result: code })])
  })

  const PLATFORM: [string, object | undefined, string, string, string][] = [
    ['PATCH /platform/tenants/nowhere', { name: 'x' }, 'tenant_change', 'not_found', 'nowhere'],
    ['POST /platform/tenants/nowhere/suspend', {}, 'tenant_change', 'not_found', 'nowhere'],
    ['POST /platform/tenants/nowhere/resume', {}, 'tenant_change', 'not_found', 'nowhere'],
    ['POST /platform/tenants/nowhere/token', {}, 'key_create', 'not_found', 'nowhere'],
    [
      'POST /platform/tenants',
      { id: 'default', name: 'Again' },
      ...(['tenant_create', 'conflict', 'default'] as const),
    ],
    [
      'PATCH /platform/tenants/default',
      { identity: { secret: 'of 32 bytes, which nobody may know' } },
      ...(['tenant_change', 'invalid_request', 'default'] as const),
    ],
    [`POST /platform/keys/${unknown}/rotate`, {}, 'key_change', 'not_found', unknown],
    [`DELETE /platform/keys/${unknown}`, undefined, 'key_revoke', 'not_found', unknown],
  ]
  test.for(PLATFORM)(
    '%s %o of an operator is on record too',
    async ([request, body, deed, code, target]) => {
      const { answer, deeds } = await deedsOf(operator, request, body)
      expect(answer.body.code).toBe(code)
      expect(deeds).toEqual([
        expect.objectContaining({ deed, target, actor: 'opal', result: code }),
      ])
      expect(JSON.stringify(deeds)).not.toContain('of 32 bytes')
    },
  )

  test('a key of a tenant that nobody made is on the operator’s own record', async () => {
    const key = { tenant: 'nowhere', name: 'x', roles: ['admin'] }
    const { deeds } = await deedsOf(operator, 'POST /platform/keys', key)
    expect(deeds).toEqual([
      expect.objectContaining({
        ...{ deed: 'key_create', result: 'not_found' },
        asked: { tenant: 'nowhere' },
      }),
    ])
  })

  test('is told from what was never asked for', async () => {
    const gift = { userId: 'alice', amount: 1, description: 'a gift' }
    const dry = await deedsOf(admin, 'POST /transactions/adjustment', { ...gift, dryRun: true })
    expect([dry.answer.status, dry.deeds]).toEqual([201, []])
    const malformed = await deedsOf(admin, 'POST /transactions/adjustment', { ...gift, amount: 0 })
    expect([malformed.answer.status, malformed.deeds]).toEqual([400, []])
    const key = { 'Idempotency-Key': randomUUID() }
    const first = await deedsOf(admin, 'POST /transactions/adjustment', gift, key)
    const again = await deedsOf(admin, 'POST /transactions/adjustment', gift, key)
    expect([first.deeds.length, again.deeds.length]).toEqual([1, 0])
    const byUser = await deedsOf(alice, 'POST /transactions/adjustment', gift)
    expect([byUser.answer.status, byUser.deeds]).toEqual([403, []])
  })
})

test('a bulk leaves a deed for each command, also if nothing of it was applied', async () => {
  const gift = { type: 'admin_adjustment', userId: 'alice', amount: 1, description: 'a gift' }
  const commands = [gift, { ...gift, userId: 'ada' }]
  const each = await deedsOf(admin, 'POST /transactions/bulk', { commands })
  expect(each.deeds.map(({ result }) => result)).toEqual(['done', 'self_approval'])
  const all = await deedsOf(admin, 'POST /transactions/bulk', { commands, atomic: true })
  expect(all.deeds.map(({ result }) => result)).toEqual(['bulk_aborted', 'self_approval'])
})

test('the ledger notes a decision whoever sends it: an application by SQL has no request', async () => {
  const owner = await api.owner()
  await owner`select livebalance.credit('by-sql', 5)`
  const { items } = await new Deeds(api.sql).list({ tenant: 'default', target: 'by-sql', limit: 9 })
  expect(items).toEqual([
    expect.objectContaining({
      ...{ deed: 'adjustment', roles: ['application'], requestId: null },
      actor: expect.stringMatching(/^sql:/),
    }),
  ])
})

test('no secret is on record: of a webhook the host', async () => {
  const url = 'https://hooks.example.com/services/T0/secret-path?key=secret-query'
  const { answer, deeds } = await deedsOf(admin, 'POST /admin/webhooks', { url })
  expect(deeds[0]?.asked).toMatchObject({ host: 'hooks.example.com' })
  const rotated = await deedsOf(admin, `POST /admin/webhooks/${answer.body.id}/rotate`, {})
  for (const secret of [
    'secret-path',
    'secret-query',
    answer.body.secret,
    rotated.answer.body.secret,
  ])
    expect(JSON.stringify([deeds, rotated.deeds])).not.toContain(secret)
})

test('the log is read in pages, narrowed, and only by the tenant’s own admins', async () => {
  const read = async (search: string, caller = admin) =>
    (await api.call(caller, `GET /admin/deeds?${search}`)).body as {
      items: Deed[]
      nextCursor: string | null
    }
  const all: Deed[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await read(`limit=7&order=asc${cursor && `&cursor=${cursor}`}`)
    all.push(...page.items)
    cursor = page.nextCursor
  }
  expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).sort())
  const newest = await read('limit=3')
  expect(newest.items.map(({ id }) => id)).toEqual(
    all
      .map(({ id }) => id)
      .slice(-3)
      .reverse(),
  )

  const only = async (search: string, is: (deed: Deed) => boolean) => {
    const { items } = await read(`limit=100&order=asc&${search}`)
    const wanted = all.filter(is)
    expect(items.map(({ id }) => id)).toEqual(wanted.map(({ id }) => id).slice(0, 100))
    expect(wanted.length).toBeGreaterThan(0)
  }
  await only('actor=booking', ({ actor }) => actor === 'booking')
  await only('deed=wallet_freeze', ({ deed }) => deed === 'wallet_freeze')
  await only('target=bob', ({ userId, target }) => userId === 'bob' || target === 'bob')
  await only('result=refused', ({ result }) => result !== 'done')
  const middle = all[Math.floor(all.length / 2)] as Deed
  await only(`from=${middle.at}`, ({ at }) => at >= middle.at)
  await only(`to=${middle.at}`, ({ at }) => at < middle.at)

  expect((await read('', foreignAdmin)).items).toEqual([])
})

test('the log is exported as a file with the seals, which prove it', async () => {
  await new Deeds(api.sql).seal()
  const ndjson = await api.call(admin, 'GET /admin/deeds/export?format=ndjson')
  const items = ndjson.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Deed)
  const sealed = items.flatMap(({ seal }) => seal?.seq ?? [])
  expect(sealed).toEqual(sealed.map((_, i) => i + 1))
  expect(items.at(-1)).toMatchObject({ deed: 'deeds_export', actor: 'ada' })
  const csv = await api.call(admin, 'GET /admin/deeds/export?deed=deeds_export')
  expect(csv.headers.get('Content-Type')).toMatch(/^text\/csv/)
  const [head, ...rows] = csv.text.trim().split('\r\n')
  expect(head).toMatch(/^id,at,actor,roles,.*,seal,hash$/)
  expect(rows).toHaveLength(items.filter(({ deed }) => deed === 'deeds_export').length + 1)
})

test('while refusals cannot be noted the caller still gets them', async () => {
  const owner = await api.owner()
  await owner`alter function note_deed rename to note_deed_away`
  try {
    const answer = await api.call(admin, 'POST /transactions/wallets/ada/freeze', {})
    expect(answer.body.code).toBe('self_approval')
    // What would be done is not done.
    const done = await api.call(admin, 'POST /transactions/wallets/alice/freeze', {})
    expect(done.status).toBe(500)
    const { body } = await api.call(admin, 'GET /transactions/wallets/alice/freeze')
    expect([body.debits, body.credits]).toEqual([false, false])
  } finally {
    await owner`alter function note_deed_away rename to note_deed`
  }
})
