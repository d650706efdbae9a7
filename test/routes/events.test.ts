import { expect } from 'vitest'
import { admin, alice, bob, type LedgerApp, test } from '../support/routes/ledger-app.ts'

type Item = { seq: number; id: string; event: string }

test.beforeAll(async ({ api }) => {
  await api.fund('alice', 1000)
  for (let i = 0; i < 4; i++) {
    await api.call(alice, 'POST /transactions', { type: 'booking_payment', amount: 1.25 })
  }
})

async function ask(api: LedgerApp, search: string, caller = alice, headers = {}) {
  return api.call(caller, `GET /balance/events?${search}`, undefined, headers)
}

const seqs = ({ body }: { body: { items: Item[] } }) => body.items.map(({ seq }) => seq)

test('the newest events come first, and older ones page by page, each once', async ({ api }) => {
  const seen: number[] = []
  let before = ''
  for (let page = 0; page < 5; page++) {
    const answer = await ask(api, `limit=3${before}`)
    seen.push(...seqs(answer))
    if (answer.body.nextCursor === null) break
    before = `&before=${answer.body.nextCursor}`
  }
  expect(seen).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
})

test('later events come oldest first, with every field of the stream', async ({ api }) => {
  const { body } = await ask(api, 'limit=1')
  const epoch = body.items[0].id.split(':')[0]
  const first = await ask(api, `after=${epoch}:0&limit=7`)
  expect(seqs(first)).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(first.body).toMatchObject({ nextCursor: `${epoch}:7`, recovered: true })
  expect(first.body.items[2]).toMatchObject({
    ...{ event: 'balance_updated', id: `${epoch}:3`, seq: 3, currency: 'USD' },
    ...{
      previousBalance: 1000,
      newBalance: 998.75,
      amount: -1.25,
      transactionType: 'booking_payment',
    },
  })
  expect(first.body.items[2]).not.toHaveProperty('userId')
  // A cursor between the two events of a payment.
  const middle = await ask(api, `after=${epoch}:3&limit=2`)
  expect(middle.body.items.map(({ seq, event }: Item) => [seq, event])).toEqual([
    [4, 'transaction_completed'],
    [5, 'balance_updated'],
  ])
  const rest = await ask(api, `after=${first.body.nextCursor}`)
  expect(seqs(rest)).toEqual([8, 9, 10])
  const none = await ask(api, `after=${rest.body.nextCursor}`)
  expect(none.body).toEqual({ items: [], nextCursor: `${epoch}:10`, recovered: true })
})

test('a cursor of another database, or beyond this one, is told, never silence', async ({
  api,
}) => {
  const epoch = (await ask(api, 'limit=1')).body.items[0].id.split(':')[0]
  for (const after of ['elsewhere:3', `${epoch}:11`]) {
    expect((await ask(api, `after=${after}`)).body).toEqual({
      ...{ items: [], nextCursor: `${epoch}:10`, recovered: false },
    })
  }
  const before = await ask(api, 'before=elsewhere:3&limit=2')
  expect([seqs(before), before.body.recovered]).toEqual([[10, 9], false])
})

test('events that are not kept any more are told', async ({ api }) => {
  await api.fund('carol', 5)
  await api.fund('carol', 5)
  const carol = { sub: 'carol' }
  const epoch = (await ask(api, 'limit=1', carol)).body.items[0].id.split(':')[0]
  const owner = await api.owner()
  await owner`delete from event_rows where wallet_id = wallet_of('default', 'carol') and seq <= 2`
  const after = await ask(api, `after=${epoch}:1`, carol)
  expect([seqs(after), after.body.recovered]).toEqual([[3, 4], false])
  const before = await ask(api, `before=${epoch}:4`, carol)
  expect([seqs(before), before.body.nextCursor]).toEqual([[3], null])
})

test('nobody else sees them, and an admin only by name', async ({ api }) => {
  expect(seqs(await ask(api, '', bob))).toEqual([])
  expect((await ask(api, 'userId=alice', bob)).status).toBe(403)
  expect(seqs(await ask(api, 'userId=alice&limit=1', admin))).toEqual([10])
})

test('an unchanged page is 304, a changed one is not', async ({ api }) => {
  const first = await ask(api, 'limit=2', bob)
  const etag = first.headers.get('etag') ?? ''
  const again = await ask(api, 'limit=2', bob, { 'If-None-Match': etag })
  expect([again.status, again.text]).toEqual([304, ''])
  const weak = await ask(api, 'limit=2', bob, { 'If-None-Match': `"other", W/${etag}` })
  expect(weak.status).toBe(304)
  await api.fund('bob', 1)
  expect((await ask(api, 'limit=2', bob, { 'If-None-Match': etag })).status).toBe(200)
})

test.for([
  ...['after=x', 'before=x:y', 'after=e:1&before=e:2', 'wait=5', 'after=e:1&wait=26', 'limit=0'],
])('?%s is refused', async (search, { api }) => {
  expect((await ask(api, search)).status).toBe(400)
})
