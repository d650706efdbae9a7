import { expect } from 'vitest'
import { admin, alice, type Caller, type LedgerApp, test } from '../support/routes/ledger-app.ts'

test.beforeAll(async ({ api }) => {
  await api.fund('alice', 1_000)
  for (let i = 0; i < 45; i++) await pay(api)
})

const pay = async (api: LedgerApp): Promise<string> =>
  (await api.call(alice, 'POST /transactions', { type: 'booking_payment', amount: 1 })).body.id

interface Listed {
  id: string
  createdAt: string
}

/** All pages, with payments in between: while a page is asked for, and after it. */
async function walk(api: LedgerApp, path: string, caller = alice): Promise<Listed[]> {
  const items: Listed[] = []
  for (let cursor = ''; ; ) {
    const [{ body }] = await Promise.all([
      api.call(caller, `GET ${path}?limit=7${cursor}`),
      pay(api),
      pay(api),
    ])
    items.push(...body.items)
    if (!body.nextCursor) return items
    cursor = `&cursor=${body.nextCursor}`
    await pay(api)
  }
}

test.for<[string, Caller]>([
  ['/transactions/my-transactions', alice],
  ['/transactions/all', admin],
])(
  '%s: pages that are read while rows are added hold each older one once, in order',
  async ([path, caller], { api }) => {
    const before = await api.sql<{ id: string }[]>`
    select id from transactions where tenant = 'default' order by id desc`
    const read = (await walk(api, path, caller)).map(({ id }) => id)
    expect(new Set(read).size).toBe(read.length)
    expect(read).toEqual([...read].sort().reverse())
    const older = new Set(before.map(({ id }) => id))
    expect(read.filter((id) => older.has(id))).toEqual(before.map(({ id }) => id))
    // What was added meanwhile is newer than the first page: at most that one shows some of it.
    expect(read.slice(7).every((id) => older.has(id))).toBe(true)
  },
)

test.for<[string, Caller]>([
  ['/transactions/my-transactions', alice],
  ['/transactions/all', admin],
])('%s: oldest first on request, each once, to the newest', async ([path, caller], { api }) => {
  const [newest, read] = [await pay(api), [] as string[]]
  for (let cursor = ''; ; ) {
    const { body } = await api.call(caller, `GET ${path}?order=asc&limit=30${cursor}`)
    read.push(...body.items.map(({ id }: Listed) => id))
    if (!body.nextCursor) break
    cursor = `&cursor=${body.nextCursor}`
  }
  const all = await api.sql<{ id: string }[]>`
    select id from transactions where tenant = 'default' ${
      path.endsWith('/all') ? api.sql`` : api.sql`and user_id = 'alice'`
    } order by id`
  expect(read).toEqual(all.map(({ id }) => id))
  expect(read.at(-1)).toBe(newest)
  expect((await api.call(caller, `GET ${path}?order=up`)).status).toBe(400)
})

test('an export that is read while rows are added holds each older one once, oldest first', async ({
  api,
}) => {
  const before = await api.sql<{ id: string }[]>`
    select id from transactions where user_id = 'alice' order by id`
  const [{ text }] = await Promise.all([
    api.call(alice, 'GET /transactions/export?format=ndjson'),
    ...Array.from({ length: 20 }, () => pay(api)),
  ])
  const read = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).id as string)
  expect(read.slice(0, before.length)).toEqual(before.map(({ id }) => id))
  expect(new Set(read).size).toBe(read.length)
})
