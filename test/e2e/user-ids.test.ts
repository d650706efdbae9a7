import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createApi } from '../../src/client/index.ts'
import { type LiveServer, openLiveServer } from '../support/client/live-server.ts'
import { eventually, mintToken, redisUrl } from '../support/index.ts'
import { connectBy, type TestClient, TRANSPORTS } from '../support/realtime/balance-server.ts'
import { NO_IDS, USER_IDS } from '../support/user-ids.ts'

let server: LiveServer
let redis: Redis | undefined
beforeAll(async () => {
  server = await openLiveServer()
  if (inject('redisUrl') !== null) redis = new Redis(redisUrl())
})
afterAll(async () => {
  await redis?.quit()
  await server?.close()
})

/** The documented keys of these users: the id as it is, but for what would collide. */
const KEYS: Partial<Record<keyof typeof USER_IDS, string>> = {
  Auth0: 'balance:user:auth0|5f7c8ec7c33c6c004bbafe82',
  SPIFFE: 'balance:user:spiffe://shop.example.com/ns/prod/sa/booking?v=1#x',
  'letters of Vietnamese, composed': 'balance:user:Nguy\u1ec5n',
  'parts of a key of Redis': 'balance:user:x:user:y%7Bz%7D*?[a]%253A',
}

const ids = Object.entries(USER_IDS) as [keyof typeof USER_IDS, string][]

test.each(ids)('%s moves money and sees it on every transport', async (name, sub) => {
  const [user, admin] = await Promise.all([
    mintToken({ sub }),
    mintToken({ sub: 'ada', roles: ['admin'] }),
  ])
  const clients = TRANSPORTS.map((transport) => connectBy[transport](server.url, user))
  await eventually(() => {
    for (const { received } of clients) expect(received[0]?.event).toBe('balance_initial')
  })

  const { id } = await server.call(user, 'POST /transactions/topup', { amount: 50 })
  const inPath = encodeURIComponent(sub)
  const ofUser = `userId=${inPath}`
  const pending = await server.call(admin, `GET /transactions/topup/pending?${ofUser}`)
  expect(pending.items).toMatchObject([{ id, userId: sub }])
  await server.call(admin, `PATCH /transactions/topup/${id}/process`, { status: 'success' })
  const payment = { type: 'booking_payment', amount: 20 }
  expect(await server.call(user, 'POST /transactions', payment)).toMatchObject({
    userId: sub,
    newBalance: 30,
  })
  const gift = { userId: 'giver', amount: 9, description: 'to give' }
  await server.call(admin, 'POST /transactions/adjustment', gift)
  const giver = await mintToken({ sub: 'giver' })
  const sent = await server.call(giver, 'POST /transactions/transfer', { toUserId: sub, amount: 7 })
  expect(sent.metadata).toEqual({ toUserId: sub })

  const seqs = [1, 2, 3, 4, 5, 6]
  for (const { seqs: seen } of clients) await eventually(() => expect(seen()).toEqual(seqs))
  const second = clients[0]?.received.find(({ data }) => data.seq === 2)?.data.id
  for (const transport of TRANSPORTS) {
    const resumed = connectBy[transport](server.url, user, { lastEventId: second })
    await eventually(() => expect(resumed.seqs()).toEqual([3, 4, 5, 6]))
    resumed.close()
  }

  expect(await server.call(user, 'GET /transactions/balance')).toMatchObject({ balance: 37 })
  const statement = await server.call<{ items: { userId: string }[] }>(
    user,
    'GET /transactions/my-transactions',
  )
  expect(statement.items.map(({ userId }) => userId)).toEqual([sub, sub, sub])
  expect(await server.call(admin, `GET /transactions/all?${ofUser}`)).toEqual(statement)
  const wallet = { userId: sub, balance: 37 }
  const search = `search=${encodeURIComponent(sub)}`
  const found = await server.call(admin, `GET /admin/wallets?${search}`)
  expect(found.items).toContainEqual(expect.objectContaining(wallet))
  const correct = { userId: sub, isAccurate: true, snapshotBalance: 37 }
  expect(await server.call(admin, `GET /transactions/verify/${inPath}`)).toMatchObject(correct)
  const { transactions } = createApi({ url: server.url, token: admin })
  const verified = await transactions.verify[':userId'].$get({ param: { userId: sub }, query: {} })
  expect(await verified.json()).toMatchObject(correct)
  const repaired = await server.call(admin, `POST /transactions/recalculate/${inPath}`)
  expect(repaired).toMatchObject({ userId: sub, newBalance: 37, corrected: false })
  const csv = await fetch(`${server.url}/transactions/export?format=csv&${ofUser}`, {
    headers: { Authorization: `Bearer ${admin}` },
  })
  const cell = `"${/^[=+\-@]/.test(sub) ? "'" : ''}${sub.replaceAll('"', '""')}"`
  expect((await csv.text()).split('\r\n')[1]).toContain(`,${cell},topup,`)

  const key = KEYS[name]
  if (redis && key) await eventually(async () => expect(await redis?.get(key)).toBe('37'))

  await server.call(admin, 'POST /admin/revocations', { userId: sub })
  for (const { received, failure } of clients) {
    await failure
    expect(received.at(-1)?.data).toMatchObject({ code: 'token_revoked' })
  }
  await expect(server.call(user, 'GET /transactions/balance')).rejects.toThrow('token_revoked')
})

test('the longest ids and the longest key fit into every index', async () => {
  // Random, because an index compresses what repeats. The same in each run would be a replay.
  const random = (length: number, first: number, count: number) =>
    Array.from({ length }, () =>
      String.fromCodePoint(first + Math.floor(Math.random() * count)),
    ).join('')
  const sub = random(255, 0x20000, 40_000)
  const tenant = random(64, 0x20000, 40_000)
  const key = random(255, 0x21, 94)
  const [user, admin] = await Promise.all([
    mintToken({ sub, tenant }),
    mintToken({ sub: 'ada', tenant, roles: ['admin'] }),
  ])
  const topups = await Promise.all(
    [1, 2].map(async () => {
      const response = await fetch(`${server.url}/transactions/topup`, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${user}`,
          'Content-Type': 'application/json',
          'Idempotency-Key': key,
        },
        body: '{"amount":1}',
      })
      return (await response.json()) as { id: string; userId: string }
    }),
  )
  expect(topups[0]?.userId).toBe(sub)
  expect(topups[1]).toEqual(topups[0])
  await server.call(admin, 'POST /admin/revocations', { userId: sub })
  await expect(server.call(user, 'GET /transactions/balance')).rejects.toThrow('token_revoked')
})

test('the pages of users go through all of them, each once', async () => {
  const admin = await mintToken({ sub: 'ada', roles: ['admin'] })
  const seen: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const next: string = cursor && `&cursor=${encodeURIComponent(cursor)}`
    const page = await server.call<{ items: { userId: string }[]; nextCursor: string | null }>(
      admin,
      `GET /admin/wallets?limit=3${next}`,
    )
    seen.push(...page.items.map(({ userId }) => userId))
    cursor = page.nextCursor
  }
  expect(seen.filter((id) => id !== 'ada' && id !== 'giver').sort()).toEqual(
    ids.map(([, id]) => id).sort(),
  )
})

test('two spellings of one name, and the same name in two tenants, are different users', async () => {
  const [composed, decomposed] = ['\u00f1', 'n\u0303']
  const people = [
    ...[composed, decomposed].map((sub) => ({ tenant: 'default', sub })),
    { tenant: 'a', sub: 'b/c' },
    { tenant: 'a/b', sub: 'c' },
    { tenant: 'a:user:b', sub: 'c' },
    { tenant: 'a', sub: 'b:user:c' },
    { tenant: 'user', sub: 'c' },
    { tenant: '%75ser', sub: 'c' },
  ]
  const streams: TestClient[] = []
  for (const { tenant, sub } of people) {
    const stream = connectBy.WebSocket(server.url, await mintToken({ tenant, sub }))
    await eventually(() => expect(stream.received).toHaveLength(1))
    streams.push(stream)
  }
  for (const [i, { tenant, sub }] of people.entries()) {
    const admin = await mintToken({ tenant, sub: 'ada', roles: ['admin'] })
    const adjustment = { userId: sub, amount: i + 1, description: 'a' }
    await server.call(admin, 'POST /transactions/adjustment', adjustment)
  }
  for (const [i, { tenant, sub }] of people.entries()) {
    const user = await mintToken({ tenant, sub })
    expect(await server.call(user, 'GET /transactions/balance')).toMatchObject({ balance: i + 1 })
    const cached = await server.call(user, 'GET /transactions/balance/cached')
    expect(cached).toMatchObject({ balance: i + 1 })
    await eventually(() => expect(streams[i]?.seqs()).toEqual([1, 2]))
    expect(streams[i]?.received.at(-1)?.data).toMatchObject({ newBalance: i + 1 })
  }
})

test.each(Object.entries(NO_IDS))('%s is refused in a body and in a token', async (_, id) => {
  const admin = await mintToken({ sub: 'ada', roles: ['admin'] })
  const adjustment = { userId: id, amount: 1, description: 'a' }
  await expect(server.call(admin, 'POST /transactions/adjustment', adjustment)).rejects.toThrow(
    /"code":"invalid_request".*userId: must be 1 to 255 characters/,
  )
  await expect(
    server.call(await mintToken({ sub: id }), 'GET /transactions/balance'),
  ).rejects.toThrow(/"code":"unauthorized".*"claim":"sub"/)
})
