import { describe, expect } from 'vitest'
import { admin, alice, bob, foreignAdmin, test } from '../support/routes/ledger-app.ts'

test.beforeAll(async ({ api }) => {
  await api.fund('alice', 1000)
  for (let i = 1; i <= 25; i++) {
    await api.call(alice, 'POST /transactions', { type: 'booking_payment', amount: i })
  }
  await api.fund('bob', 5)
})

type Item = { id: string; amount: number; createdAt: string; type: string }

describe('one’s own transactions', () => {
  test('come in pages, newest first, each once, also while others are added', async ({ api }) => {
    const seen: Item[] = []
    let cursor = ''
    do {
      const { body } = await api.call(
        alice,
        `GET /transactions/my-transactions?type=booking_payment&limit=10${cursor}`,
      )
      seen.push(...body.items)
      cursor = body.nextCursor ? `&cursor=${body.nextCursor}` : ''
      await api.call(alice, 'POST /transactions', { type: 'booking_payment', amount: 0.01 })
    } while (cursor)
    expect(seen.map((item) => item.amount)).toEqual(Array.from({ length: 25 }, (_, i) => i - 25))
    expect(new Set(seen.map((item) => item.id)).size).toBe(25)
  })

  test('are filtered by type, status, currency and time', async ({ api }) => {
    const ask = async (search: string) =>
      (await api.call(alice, `GET /transactions/my-transactions?${search}`)).body.items as Item[]
    expect((await ask('type=topup')).map((item) => item.type)).toEqual(['topup'])
    expect(await ask('status=failed')).toEqual([])
    expect(await ask('currency=EUR')).toEqual([])
    expect(await ask('to=2020-01-01')).toEqual([])
    expect(await ask('from=2100-01-01T00:00:00Z')).toEqual([])
    const [newest] = await ask('limit=1')
    const since = await ask(`from=${encodeURIComponent(newest?.createdAt ?? '')}`)
    expect(since.map((item) => item.id)).toContain(newest?.id)
  })

  test.for([
    'from=yesterday',
    'from=2025-02-30',
    'to=0000-01-01',
    'to=2025-01-01T00:00:00-23:59',
    'cursor=x',
    'type=theft',
  ])('%s is refused', async (search, { api }) => {
    const { status } = await api.call(alice, `GET /transactions/my-transactions?${search}`)
    expect(status).toBe(400)
  })
})

describe('one transaction', () => {
  test('is shown to its user and to an admin of its tenant, to nobody else', async ({ api }) => {
    const [item] = (await api.call(alice, 'GET /transactions/my-transactions?limit=1')).body.items
    const status = async (caller = alice) =>
      (await api.call(caller, `GET /transactions/${item.id}`)).status
    expect([await status(), await status(admin)]).toEqual([200, 200])
    expect([await status(bob), await status(foreignAdmin)]).toEqual([404, 404])
  })

  test('that does not exist is 404, and one that cannot exist 400', async ({ api }) => {
    const unknown = await api.call(alice, 'GET /transactions/019a4e5c-0000-7000-8000-000000000001')
    expect(unknown.status).toBe(404)
    expect((await api.call(alice, 'GET /transactions/42')).status).toBe(400)
  })
})

test('an admin sees everyone of the tenant, and nobody of another', async ({ api }) => {
  const users = async (caller = admin, search = '') =>
    new Set(
      (await api.call(caller, `GET /transactions/all?limit=100${search}`)).body.items.map(
        (item: { userId: string }) => item.userId,
      ),
    )
  expect(await users()).toEqual(new Set(['alice', 'bob']))
  expect(await users(admin, '&userId=bob')).toEqual(new Set(['bob']))
  expect(await users(foreignAdmin)).toEqual(new Set())
})

describe('the export', () => {
  test('as CSV has a header and every transaction, oldest first', async ({ api }) => {
    const { status, text, headers } = await api.call(bob, 'GET /transactions/export')
    expect(status).toBe(200)
    expect(headers.get('Content-Type')).toContain('text/csv')
    expect(headers.get('Content-Disposition')).toBe('attachment; filename="transactions.csv"')
    const [header, row, end] = text.split('\r\n')
    expect(header).toBe(
      'id,userId,type,amount,currency,status,description,adminNotes,processedBy,referenceId,referenceType,previousBalance,newBalance,metadata,createdAt,updatedAt,refundedAmount',
    )
    expect(row).toMatch(/^[0-9a-f-]{36},"bob",topup,5,USD,success,,,"ada",,,0,5,,2/)
    expect(end).toBe('')
  })

  test('quotes what a user wrote, and lets no spreadsheet run what a user wrote', async ({
    api,
  }) => {
    const carol = { sub: 'carol' }
    for (const description of ['=1+1', '+cmd', '-2+3', '@SUM(A1)', 'a, "b"\nc', 'plain']) {
      await api.call(carol, 'POST /transactions/topup', { amount: 1, description })
    }
    const { text } = await api.call(carol, 'GET /transactions/export?format=csv')
    for (const cell of [
      `,"'=1+1",`,
      `,"'+cmd",`,
      `,"'-2+3",`,
      `,"'@SUM(A1)",`,
      ',"a, ""b""\nc",',
      ',"plain",',
    ]) {
      expect(text).toContain(cell)
    }
  })

  test('as NDJSON has a transaction on each line, as the API shows it', async ({ api }) => {
    const { text, headers } = await api.call(
      alice,
      'GET /transactions/export?format=ndjson&type=topup',
    )
    expect(headers.get('Content-Type')).toContain('application/x-ndjson')
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const { body } = await api.call(alice, 'GET /transactions/my-transactions?type=topup')
    expect(lines).toEqual(body.items)
  })

  test('of nobody is a header alone', async ({ api }) => {
    const { text } = await api.call({ sub: 'nobody' }, 'GET /transactions/export')
    expect(text.split('\r\n')).toHaveLength(2)
  })

  test('of another user is for an admin of the tenant', async ({ api }) => {
    const export_ = (caller: typeof alice) =>
      api.call(caller, 'GET /transactions/export?format=ndjson&userId=alice')
    expect((await export_(bob)).status).toBe(403)
    expect((await export_(admin)).text).toContain('"userId":"alice"')
    expect((await export_(foreignAdmin)).text).toBe('')
  })
})

test('a payment says how much of it was refunded, wherever it is read, and others say nothing', async ({
  api,
}) => {
  const dora = { sub: 'dora' }
  await api.fund('dora', 100)
  const pay = { type: 'booking_payment', amount: 40.3 }
  const { id } = (await api.call(dora, 'POST /transactions', pay)).body
  const hold = (await api.call(dora, 'POST /transactions/hold', { amount: 20 })).body
  await api.call(dora, `POST /transactions/hold/${hold.id}/capture`, {})
  const refunded = async () => {
    const of = ({ items }: { items: (Item & { refundedAmount?: number })[] }) =>
      items.filter((item) => 'refundedAmount' in item).map((item) => [item.id, item.refundedAmount])
    const file = await api.call(dora, 'GET /transactions/export?format=ndjson')
    const lines = file.text.trimEnd().split('\n')
    const lists = [
      (await api.call(dora, 'GET /transactions/my-transactions')).body,
      (await api.call(admin, 'GET /transactions/all?userId=dora')).body,
      { items: lines.map((line) => JSON.parse(line)).reverse() },
      { items: [(await api.call(dora, `GET /transactions/${hold.id}`)).body] },
      { items: [(await api.call(admin, `GET /transactions/${id}`)).body] },
    ]
    return lists.map(of)
  }
  expect(await refunded()).toEqual([[], [], [], [], []])

  const refund = (of: string, amount?: number) =>
    api.call(admin, `POST /transactions/${of}/refund`, amount === undefined ? {} : { amount })
  await refund(id, 10.1)
  const part = [id, 10.1]
  expect(await refunded()).toEqual([[part], [part], [part], [], [part]])
  await refund(id)
  await refund(hold.id, 5)
  const [captured, whole] = [
    [hold.id, 5],
    [id, 40.3],
  ]
  const both = [captured, whole]
  expect(await refunded()).toEqual([both, both, both, [captured], [whole]])

  const { text } = await api.call(dora, 'GET /transactions/export?type=booking_payment')
  const [header, row] = text.split('\r\n')
  expect([header?.split(',').at(-1), row?.split(',').at(-1)]).toEqual(['refundedAmount', '40.3'])
})
