import { expect } from 'vitest'
import { admin, alice, foreignAdmin, type LedgerApp, test } from '../support/routes/ledger-app.ts'

/** Of which one page looks at 2,000 here. */
const MANY = 4_500

let api: LedgerApp
let first: string
test.beforeAll(async ({ api: opened }) => {
  api = opened
  await api.fund('alice', 100)
  const pay = (amount: number, description: string, more = {}) =>
    api.call(alice, 'POST /transactions', {
      ...{ type: 'booking_payment', amount, description, ...more },
    })
  first = (await pay(12.5, 'Zimmer 7 mit Frühstück', { referenceId: 'B-2041' })).body.id
  // Copies of the topup, made by the database: through the API it would take minutes.
  const owner = await api.owner()
  await owner`
    insert into transactions
    select (jsonb_populate_record(t, jsonb_build_object('id', uuid_at(t.created_at + i * interval '1 microsecond'),
      'created_at', t.created_at + i * interval '1 microsecond', 'type', 'topup', 'status', 'cancelled', 'amount', 4200,
      'description', 'a copy', 'reference_id', null))).*
    from transactions t cross join generate_series(1, ${MANY}) as i where t.id = ${first}`
  await pay(3, 'minibar')
})

const search = async (query: string, caller = admin) =>
  (await api.call(caller, `GET /admin/search?${query}`)).body as {
    userId: string | null
    items: { id: string; description: string | null }[]
    nextCursor: string | null
    searchedTo: string | null
  }

/** All pages of a search. */
async function everything(query: string) {
  const items: { id: string }[] = []
  let pages = 0
  for (let cursor: string | null = ''; cursor !== null; pages++) {
    const page = await search(`${query}${cursor && `&cursor=${cursor}`}`)
    items.push(...page.items)
    cursor = page.nextCursor
  }
  return { ids: items.map(({ id }) => id), pages }
}

test('a user, a reference and the beginning of an id are found at once, however old', async () => {
  expect((await search('q=alice')).userId).toBe('alice')
  for (const q of ['B-2041', first, first.slice(0, 23), first.replaceAll('-', '').slice(0, 20)]) {
    expect((await search(`q=${q}`)).items.map(({ id }) => id)).toEqual([first])
    expect((await everything(`q=${q}`)).ids).toEqual([first])
  }
})

test('a text and an amount are found in any case and of either sign, page by page', async () => {
  const page = await search('q=MINIBAR')
  expect(page.items.map(({ description }) => description)).toEqual(['minibar'])
  expect(page.searchedTo).not.toBeNull()
  for (const q of ['fr%C3%BChst%C3%BCck', '12.50', '12.5%20USD', '-12.50', '12.50usd']) {
    const { ids, pages } = await everything(`q=${q}`)
    expect(ids).toEqual([first])
    expect(pages).toBe(3)
  }
  expect((await everything('q=12.50%20EUR')).ids).toEqual([])
  // A user's own transactions only.
  expect((await everything('q=minibar&userId=nobody')).ids).toEqual([])
})

test('a full page goes on where it ended', async () => {
  const page = await search('q=a%20copy&limit=100')
  expect(page.items).toHaveLength(100)
  const next = await search(`q=a%20copy&limit=100&cursor=${page.nextCursor}`)
  expect(next.items).toHaveLength(100)
  const ids = [...page.items, ...next.items].map(({ id }) => id)
  expect(ids).toEqual([...new Set(ids)].sort().reverse())
})

test('another tenant finds nothing of it, and nonsense is refused', async () => {
  for (const q of [first, 'B-2041', 'minibar', '12.50', 'alice']) {
    const { items, userId } = await search(`q=${q}`, foreignAdmin)
    expect([items, userId]).toEqual([[], null])
  }
  for (const query of ['', 'q=', 'q=%20', `q=${'x'.repeat(256)}`, 'q=a%00b']) {
    expect((await api.call(admin, `GET /admin/search?${query}`)).status).toBe(400)
  }
})
